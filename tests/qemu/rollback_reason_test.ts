/** A rollback says why: how the new program ended, and its last words. */

import { assertEquals, assertMatch } from "@std/assert";
import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import { Base } from "../faults/harness/base.ts";
import { updateHere } from "../faults/harness/cprctl.ts";
import { PLAIN, VirtualMachine, Witness } from "./harness/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
/** The system tells it since then; a test's VM has been waited for by then. */
const tellsEnds = tellsHowProcessesEnd();

function tellsHowProcessesEnd(): boolean {
  const [major = 0, minor = 0] = Deno.osRelease().split(".").map(Number);
  return major > 6 || major === 6 && minor >= 15;
}

const ENDS: Readonly<Record<string, readonly [program: string, says: RegExp]>> =
  {
    "exits": [
      "echo 'no such' >&2\necho 'a device' >&2\nexit 3",
      /ended: exit status 3; it said: no such; a device; the VM runs on/,
    ],
    "crashes": [
      "kill -SEGV $$",
      /ended: killed by SIGSEGV; the VM runs on/,
    ],
  };

for (const [what, [program, says]] of Object.entries(ENDS)) {
  Deno.test(`a rollback tells how a program ended that ${what}`, {
    ignore: !tellsEnds,
  }, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
    const witness = await Witness.of(vm);
    const binary = `${vm.folder}/qemu-new`;
    await Deno.symlink(builds.new.binary, binary);
    const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
    const { report, said } = await updateHere(order, async (phase) => {
      if (phase !== "cut") return;
      const draft = `${binary}.draft`;
      await Deno.writeTextFile(draft, `#!/bin/sh\n${program}\n`);
      await Deno.chmod(draft, 0o755);
      await Deno.rename(draft, binary);
    });
    assertEquals(report?.outcome, "rolled-back", said);
    assertMatch(report?.error?.message ?? "", says);
    vm.follow(report?.pid_after ?? 0);
    await witness.assertLivesOn();
  });
}
