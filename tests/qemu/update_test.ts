import { assert, assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import {
  accelerators,
  MACHINES,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { successOf } from "../../testing/update/cprctl.ts";

const builds = await qemuBuilds();

const all = await accelerators(builds.old);
const [FIRST = "tcg"] = all;

// Every other one on each accelerator, if there are two.
for (const [at, machine] of MACHINES.entries()) {
  const accelerator = all[(at + 1) % all.length] ?? FIRST;
  Deno.test(`cprctl moves ${machine.name} (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(
      builds.old,
      machine,
      accelerator,
    );
    if (machine.paused) await vm.command("stop");
    const witness = await Witness.of(vm);
    const { pid } = vm;

    const report = await successOf([
      "update",
      ...["--qmp", vm.files.qmp, "--binary", builds.new.binary],
    ]);

    assertEquals(report.outcome, "updated");
    assertEquals([report.pid_before, report.pid_after], [pid, pid]);
    assertEquals(report.from.version, builds.old.version);
    assertEquals(report.to?.version, builds.new.version);
    assertEquals(report.downtime_ms === null, machine.paused === true);
    assertEquals(vm.pid, pid);
    assertEquals(vm.executable(), builds.new.binary);
    assertEquals(await vm.version(), builds.new.version);
    if (machine.paused) {
      await witness.assertStandsStill();
      await vm.command("cont");
    }
    assertEquals(await vm.runState(), "running");
    await witness.assertLivesOn();
  });
}

Deno.test(`cprctl moves a machine ten times (${FIRST})`, async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
  const witness = await Witness.of(vm);
  const { pid } = vm;
  for (let round = 0; round < 10; round++) {
    const build = round % 2 === 0 ? builds.new : builds.old;
    const { code, stdout, stderr } = await runCprctl([
      "update",
      ...["--qmp", vm.files.qmp, "--binary", build.binary],
    ]);
    assertEquals(code, 0, `${stdout}${stderr}`);
    assert(stdout.startsWith("updated: "), stdout);
    assertEquals(vm.pid, pid);
    assertEquals(vm.executable(), build.binary);
  }
  await witness.assertLivesOn();
});
