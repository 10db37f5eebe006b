/** A VM that may execute no program is moved to another process. */

import { assert, assertEquals } from "@std/assert";
import { readSeccomp } from "../../lib/update/standby/confinement.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { SELF, successOf } from "../../testing/update/cprctl.ts";

const builds = await qemuBuilds();

/** As libvirt has it. */
const SANDBOXED = {
  ...PLAIN,
  extra: [
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
  ],
} as const;

for (const mode of ["cpr-transfer", "live"]) {
  Deno.test({
    name: `a VM with spawn=deny is moved, and still has it: ${mode}`,
    ignore: Deno.uid() !== 0,
    async fn() {
      await using vm = await VirtualMachine.boot(builds.old, SANDBOXED, "tcg");
      for (const { binary } of [builds.new, builds.old]) {
        const witness = await Witness.of(vm);
        const { pid_after } = await successOf([
          ...["update", "--force", "--mode", mode],
          ...["--qmp", vm.files.qmp, "--binary", binary],
        ]);
        vm.follow(pid_after ?? 0);
        assertEquals(vm.executable(), binary);
        assert((await readSeccomp(vm.pid, SELF)).forbidsExec);
        if (mode !== "live") await witness.assertLivesOn();
      }
    },
  });
}
