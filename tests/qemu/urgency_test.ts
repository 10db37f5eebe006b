/** A VM whose guest was stopped is scheduled afterwards as it was before. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  getScheduling,
  type Scheduling,
  setAffinity,
  setScheduling,
} from "../../ffi/scheduling.ts";
import { type Placement, readPlacement } from "../../lib/proc/placement.ts";
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
  BOOSTED,
  mayRaise,
  priorityNow,
} from "../update/process/priorities.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { move, moveAndReturn } from "./moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 60_000;
const LAST_CPU = navigator.hardwareConcurrency - 1;
const SCHED_FIFO = 1;
const SCHED_BATCH = 3;
const ROOT_PORT = "pcie-root-port,id=rp0,chassis=1,slot=1";
const ignore = !mayRaise();

/** What the main thread is given before. */
interface Given {
  readonly name: string;
  readonly scheduling?: Partial<Scheduling>;
  readonly cpus?: readonly number[];
}

const GIVEN: readonly Given[] = [
  { name: "nice 5", scheduling: { nice: 5 } },
  { name: "SCHED_BATCH", scheduling: { policy: SCHED_BATCH, nice: 3 } },
  { name: "SCHED_FIFO", scheduling: { policy: SCHED_FIFO, priority: 1 } },
  { name: "one CPU", cpus: [LAST_CPU] },
];

/** The priority that a thread has without a boost. */
function ownPriority({ scheduling }: Placement): number {
  const { priority, nice } = scheduling;
  return priority > 0 ? -1 - priority : 20 + nice;
}

/** Main thread as it was, and no thread with more than is its own. */
async function assertAsBefore(
  vm: VirtualMachine,
  main: Placement,
): Promise<void> {
  assertEquals(readPlacement(vm.pid), main);
  for (const { tid } of vm.threads()) {
    const own = ownPriority(readPlacement(tid));
    await until(
      `thread ${tid} has priority ${own}`,
      TIMEOUT_MS,
      () => priorityNow(tid) === own,
    );
  }
}

/** Cancels while the guest is stopped, since a device was added meanwhile. */
async function startOver(vm: VirtualMachine): Promise<void> {
  const order = orderOf(vm, builds.old);
  let added = false;
  const { report, said } = await updateHere(order, async (phase) => {
    if (phase !== "prepare" || added) return;
    added = true;
    const device = { driver: "virtio-rng-pci", id: "late", bus: "rp0" };
    await commandOfAnother(vm, "device_add", device);
  });
  assertEquals(report?.outcome, "updated", said);
  assertMatch(said, /^Started over: .*"late" is new/m);
}

/** Kills cprctl while the guest is stopped; recover ends its update. */
async function killAndRecover(vm: VirtualMachine): Promise<void> {
  await using cprctl = Cprctl.start(orderOf(vm, builds.old));
  await cprctl.run(async (phase) => {
    if (phase !== "switchover") return;
    await until(
      "the VM is boosted",
      TIMEOUT_MS,
      () => priorityNow(vm.pid) === BOOSTED,
    );
    cprctl.kill("SIGKILL");
  });
  const own = ownPriority(readPlacement(vm.pid));
  await until(
    "it has it no more",
    TIMEOUT_MS,
    () => priorityNow(vm.pid) === own,
  );
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertEquals(recovery?.outcome, "recovered", recovery?.message);
}

for (const { name, scheduling, cpus } of GIVEN) {
  Deno.test(`threads keep what they had: ${name}`, { ignore }, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(
      builds.old,
      { ...PLAIN, extra: [...SECOND_MONITOR, "-device", ROOT_PORT] },
      "tcg",
    );
    setScheduling(vm.pid, { ...getScheduling(vm.pid), ...scheduling });
    if (cpus !== undefined) setAffinity(vm.pid, cpus);
    const main = readPlacement(vm.pid);
    const witness = await Witness.of(vm);

    await move(vm, builds.new);
    await assertAsBefore(vm, main);
    await moveAndReturn(vm, builds.old);
    await assertAsBefore(vm, main);
    await killAndRecover(vm);
    await assertAsBefore(vm, main);
    await startOver(vm);
    await assertAsBefore(vm, main);
    await witness.assertLivesOn();
  });
}
