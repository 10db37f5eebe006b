/** Live: a VM whose RAM no update preserves gets a process with shared RAM. */

import { assertEquals, assertMatch } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import type { System } from "../../lib/update/system.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import { Base } from "../../testing/program/base.ts";
import { earlierBuilds, qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  commandOfAnother,
  type Machine,
  MACHINES,
  PLAIN,
  SECOND_MONITOR,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { assertAlone } from "../qemu/nothing_left.ts";
import {
  Cprctl,
  SELF,
  successOf,
  updateHere,
} from "../../testing/update/cprctl.ts";
import { withDestination } from "../../testing/update/destination.ts";
import { Fixture } from "../../testing/update/fixture.ts";
import { membersOf } from "../../testing/update/members.ts";
import { tryToMove } from "../qemu/moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const all = await accelerators(builds.old);
const [FIRST = "tcg"] = all;
const AT: readonly PhaseName[] = ["migrate", "switchover", "verify", "commit"];
const ANONYMOUS: Machine = { ...PLAIN, anonymous: true };

function orderOf(vm: VirtualMachine, binary = builds.new.binary) {
  const mode = "live" as const;
  return { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS, mode };
}

const COPIED = MACHINES.filter(({ name }) =>
  /^(q35, (virtio-blk|paused|daemon|every virtio|default devices)|pc, ide|microvm, virtio-blk)$/
    .test(name)
);

for (const [at, machine] of COPIED.entries()) {
  const accelerator = all[at % all.length] ?? FIRST;
  Deno.test(`RAM is copied, then kept: ${machine.name} (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(
      builds.old,
      { ...machine, anonymous: true },
      accelerator,
    );
    if (machine.paused) await vm.command("stop");
    const { pid } = vm;
    const witness = await Witness.of(vm);
    const target = ["--qmp", vm.files.qmp, "--binary", builds.new.binary];
    const report = await successOf(["update", "--mode", "live", ...target]);
    assertEquals([report.outcome, report.mode], ["updated", "live"]);
    assertEquals(report.warnings, []);
    assertEquals(report.downtime_ms === null, machine.paused === true);
    vm.follow(report.pid_after ?? 0);
    assertEquals([vm.pid === pid, vm.executable()], [
      false,
      builds.new.binary,
    ]);
    await assertAlone(vm, pid);
    await assertOn(vm, witness);

    // From now on its RAM is preserved.
    const next = await Witness.of(vm);
    const back = ["--qmp", vm.files.qmp, "--binary", builds.old.binary];
    const inPlace = await successOf(["update", ...back]);
    assertEquals(inPlace.mode, "cpr-exec");
    assertEquals(vm.executable(), builds.old.binary);
    await assertOn(vm, next);
  });
}

for (const build of await earlierBuilds()) {
  Deno.test(`the RAM of a VM of QEMU ${build.version} is copied to ${builds.new.version}`, async () => {
    await using vm = await VirtualMachine.boot(build, ANONYMOUS, "tcg");
    const witness = await Witness.of(vm);
    const target = ["--qmp", vm.files.qmp, "--binary", builds.new.binary];
    const report = await successOf(["update", "--mode", "live", ...target]);
    assertEquals(report.outcome, "updated");
    assertEquals(report.warnings, []);
    vm.follow(report.pid_after ?? 0);
    assertEquals(await vm.version(), builds.new.version);
    await assertOn(vm, witness);
  });
}

async function assertOn(vm: VirtualMachine, witness: Witness): Promise<void> {
  if (vm.machine.paused) return await witness.assertStandsStill();
  assertEquals(await vm.runState(), "running");
  await witness.assertLivesOn();
}

for (const at of AT) {
  Deno.test(`${at}: the new program is killed: the old one resumes`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, ANONYMOUS, FIRST);
    await using fixture = new Fixture(vm, builds);
    const witness = await Witness.of(vm);
    const order = orderOf(vm, fixture.binary);
    const { report, said } = await updateHere(order, (phase) => {
      if (phase !== at) return;
      const others = membersOf(vm.folder).filter(({ pid }) => pid !== vm.pid);
      if (others.length === 0) Deno.removeSync(fixture.binary);
      for (const { pid } of others) Deno.kill(pid, "SIGKILL");
    });
    assertEquals(report?.outcome, "rolled-back", said);
    assertMatch(said, /process \d+ ended|monitor|does not start/);
    assertEquals(report?.pid_after, vm.pid);
    await assertAlone(vm, vm.pid);
    await assertOn(vm, witness);
  });

  Deno.test(`${at}: cprctl is killed: recover completes it`, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(builds.old, ANONYMOUS, FIRST);
    const witness = await Witness.of(vm);
    await using cprctl = Cprctl.start(orderOf(vm));
    await cprctl.run((phase) => {
      if (phase === at) cprctl.kill("SIGKILL");
    });
    const before = vm.pid;
    const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
    assertEquals(recovery?.outcome, "recovered", recovery?.message);
    vm.follow(recovery?.pid ?? 0);
    await assertAlone(vm, before);
    await assertOn(vm, witness);
  });
}

/** This host, with something that is done just before the RAM is copied. */
function before(act: () => void | Promise<void>): System {
  return withDestination((destination) => {
    const startLoad = destination.startLoad.bind(destination);
    destination.startLoad = async (...args) => {
      const loading = await startLoad(...args);
      await act();
      return loading;
    };
  });
}

Deno.test("a guest that another client pauses meanwhile stays paused", async () => {
  const machine = { ...ANONYMOUS, extra: SECOND_MONITOR };
  await using vm = await VirtualMachine.boot(builds.old, machine, FIRST);
  const report = await tryToMove(
    vm,
    builds.new,
    { mode: "live" },
    before(async () => void await commandOfAnother(vm, "stop")),
  );
  assertEquals(report.outcome, "updated", report.error?.message);
  vm.follow(report.pid_after ?? 0);
  assertEquals(await vm.runState(), "paused");
});

Deno.test("a copy that does not end times out, and the guest keeps running", async () => {
  await using vm = await VirtualMachine.boot(builds.old, ANONYMOUS, FIRST);
  const witness = await Witness.of(vm);
  const report = await tryToMove(
    vm,
    builds.new,
    { mode: "live", timeoutMs: 10_000 },
    before(() => {
      const [other] = membersOf(vm.folder).filter(({ pid }) => pid !== vm.pid);
      Deno.kill(other?.pid ?? 0, "SIGSTOP");
    }),
  );
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertMatch(report.error?.message ?? "", /memory was not copied within/);
  assertEquals(report.downtime_ms, null);
  await assertAlone(vm, vm.pid);
  await assertOn(vm, witness);
});
