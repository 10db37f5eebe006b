/** A guest that sleeps (S3) sleeps on after an update, and can be woken. */

import { assertEquals, assertMatch } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  Cprctl,
  orderOf,
  SELF,
  updateHere,
} from "../../testing/update/cprctl.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  secondMonitor,
  SUSPENDS,
  until,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { runStateOf } from "../../testing/qemu/run_state.ts";
import { kill } from "../../testing/update/members.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

async function boot(): Promise<VirtualMachine> {
  return await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: SECOND_MONITOR },
    "tcg",
  );
}

/** Returns when the guest sleeps. */
async function putToSleep(vm: VirtualMachine): Promise<void> {
  using ram = vm.ram();
  ram.order(SUSPENDS);
  await using qmp = await QmpClient.connectAgain(secondMonitor(vm.folder), {
    timeoutMs: TIMEOUT_MS,
  });
  await until(
    "the guest sleeps",
    TIMEOUT_MS,
    async () => await runStateOf(qmp) === "suspended",
  );
}

async function assertSleeps(
  vm: VirtualMachine,
  executable: string,
): Promise<void> {
  assertEquals([vm.executable(), await vm.runState()], [
    executable,
    "suspended",
  ]);
  await commandOfAnother(vm, "system_wakeup");
  await until(
    "the guest is awake",
    TIMEOUT_MS,
    async () => await vm.runState() === "running",
  );
}

async function endProcess(pid: number): Promise<void> {
  await kill(pid);
}

/** At "facts" it sleeps before anything is known. */
const MOMENTS: readonly PhaseName[] = [
  "facts",
  "preflight",
  "prepare",
  "migrate",
];

for (const at of MOMENTS) {
  Deno.test(`a guest that suspends before ${at} is suspended on the new program`, async () => {
    await using _base = await Base.make();
    await using vm = await boot();
    const { report, said } = await updateHere(
      orderOf(vm, builds.new),
      async (phase) => {
        if (phase === at) await putToSleep(vm);
      },
    );
    assertEquals(report?.outcome, "updated", said);
    await assertSleeps(vm, builds.new.binary);
  });
}

Deno.test("a suspended guest is still suspended after a rollback", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  await putToSleep(vm);
  const { report, said } = await updateHere(
    orderOf(vm, builds.new),
    async (phase) => {
      if (phase === "load") await endProcess(vm.pid);
    },
  );
  assertEquals(report?.outcome, "rolled-back", said);
  assertMatch(said, /the VM is suspended on the old program/);
  vm.follow(report?.pid_after ?? 0);
  await assertSleeps(vm, builds.old.binary);
});

const KILLED: readonly { at: PhaseName; then: string }[] = [
  { at: "hold", then: builds.old.binary },
  { at: "load", then: builds.new.binary },
  { at: "commit", then: builds.new.binary },
];

for (const { at, then } of KILLED) {
  Deno.test(`a suspended guest is still suspended after recovery from ${at}`, async () => {
    await using _base = await Base.make();
    await using vm = await boot();
    await putToSleep(vm);
    {
      await using cprctl = Cprctl.start(orderOf(vm, builds.new));
      await cprctl.run((phase) => {
        if (phase === at) cprctl.kill("SIGKILL");
      });
    }
    const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
    assertEquals(recovery?.outcome, "recovered", recovery?.message);
    assertMatch(recovery?.message ?? "", /is suspended, as before/);
    await assertSleeps(vm, then);
  });
}
