/**
 * A process of an unprivileged user that keeps whoever looks into it waiting in
 * the kernel.
 */

import { assert, assertEquals } from "@std/assert";
import { validateReport } from "../../testing/update/report.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { HostileVm } from "./hostile_vm.ts";

const builds = await qemuBuilds();
const ignore = Deno.uid() !== 0;
if (ignore) console.warn("Not root: the attacks wait");

const LAST_OF_FACTS = "query-iothreads";

Deno.test({
  name: "a process that cannot be traced in time is told, and nobody waits",
  ignore,
  async fn() {
    await using real = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
    await using vm = await HostileVm.start({
      real: real.files.qmp,
      argv: real.argv,
    });
    let done = false;
    vm.play({
      before: async (command) => {
        if (done || command !== LAST_OF_FACTS) return;
        done = true;
        await vm.hangInExec();
      },
    });
    const { stdout, stderr } = await runCprctl([
      ...["check", "--qmp", vm.socket, "--json"],
      ...["--binary", builds.new.binary],
    ]);
    assert(done, stderr);
    const { checks } = validateReport(JSON.parse(stdout));
    const sandbox = checks.find(({ id }) => id === "sandbox");
    assertEquals(sandbox?.verdict, "refuse");
  },
});
