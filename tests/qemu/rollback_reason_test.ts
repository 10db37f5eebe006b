/** A rollback says why: how the new program ended, and its last words. */

import { assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../lib/update/recover/recover.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { Cprctl, SELF, updateHere } from "../../testing/update/cprctl.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";

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

/** Puts a shell's program where another one is. */
async function replace(path: string, program: string): Promise<void> {
  const draft = `${path}.draft`;
  await Deno.writeTextFile(draft, `#!/bin/sh\n${program}\n`);
  await Deno.chmod(draft, 0o755);
  await Deno.rename(draft, path);
}

for (const [what, [program, says]] of Object.entries(ENDS)) {
  Deno.test(`a rollback reports the end of a program that ${what}`, {
    ignore: !tellsEnds,
  }, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
    const witness = await Witness.of(vm);
    const binary = `${vm.folder}/qemu-new`;
    await Deno.symlink(builds.new.binary, binary);
    const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
    const { report, said } = await updateHere(order, async (phase) => {
      if (phase === "switchover") await replace(binary, program);
    });
    assertEquals(report?.outcome, "rolled-back", said);
    assertMatch(report?.error?.message ?? "", says);
    vm.follow(report?.pid_after ?? 0);
    await witness.assertLivesOn();
  });
}

Deno.test("recover reports why a VM is rolled back, and the last output", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  const binary = `${vm.folder}/qemu-new`;
  await Deno.symlink(builds.new.binary, binary);
  {
    const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
    await using cprctl = Cprctl.start(order);
    await cprctl.run(async (phase) => {
      if (phase === "switchover") {
        await replace(binary, "echo 'no such device' >&2");
      }
      if (phase === "rollback") cprctl.kill("SIGKILL");
    });
  }
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertEquals(recovery?.outcome, "rolled-back", recovery?.message);
  assertEquals(
    recovery?.message,
    `The VM of process ${vm.pid} runs on the old program, as process ` +
      `${recovery?.pid}; process ${vm.pid} had ended; it said: no such device`,
  );
  vm.follow(recovery?.pid ?? 0);
  await witness.assertLivesOn();
});
