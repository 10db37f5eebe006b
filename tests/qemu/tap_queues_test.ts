/**
 * Tap interfaces with several queues. The guest of these tests is the firmware,
 * which uses one: QEMU has detached the others.
 */

import { assertEquals } from "@std/assert";
import { recover } from "../../lib/update/recover/recover.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { attachedQueues, whyNoTaps } from "../../testing/qemu/tap.ts";
import { Cprctl, orderOf, SELF } from "../../testing/update/cprctl.ts";
import { move, moveAndReturn, tryToMove, valueOf } from "./moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
/** An interface of this run alone; a name has at most 15 characters. */
const NAME = `cq${Deno.pid}`;
const QUEUES = 4;

function boot(): Promise<VirtualMachine> {
  return VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      "-netdev",
      `tap,id=n,queues=${QUEUES},ifname=${NAME},script=no,downscript=no`,
      ...["-device", "virtio-net-pci,netdev=n,mq=on,vectors=10"],
    ],
  }, "tcg");
}

const attached = () => attachedQueues(NAME);

const problem = whyNoTaps();
if (problem !== undefined) console.log(`Without tap interfaces: ${problem}`);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: problem !== undefined, fn });
}

test("several queues are kept by updates and rollbacks", async () => {
  await using vm = await boot();
  const witness = await Witness.of(vm);
  assertEquals(attached(), 1);
  const steps = [
    () => move(vm, builds.new),
    () => moveAndReturn(vm, builds.old),
    () => move(vm, builds.old),
    () => moveAndReturn(vm, builds.new),
    () => moveAndReturn(vm, builds.new),
    () => move(vm, builds.new),
  ];
  for (const step of steps) {
    await step();
    await witness.assertLivesOn();
    assertEquals(attached(), 1);
    const netdev = await valueOf(vm, "-netdev");
    assertEquals(/^tap,id=n,fds=\d+(:\d+){3}$/.test(netdev ?? ""), true);
  }
});

test("a VM that stays on its program has its queues as before", async () => {
  await using vm = await boot();
  const witness = await Witness.of(vm);
  const binary = `${vm.folder}/gone`;
  await Deno.writeTextFile(
    binary,
    `#!/bin/sh\nexec "${builds.new.binary}" "$@"\n`,
    { mode: 0o755 },
  );
  const report = await tryToMove(
    vm,
    { binary },
    {
      async observer(phase) {
        if (phase !== "switchover") return;
        assertEquals(attached(), QUEUES);
        await Deno.remove(binary);
      },
    },
  );
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertEquals(report.pid_after, vm.pid);
  assertEquals(attached(), 1);
  await witness.assertLivesOn();
  await move(vm, builds.new);
  await witness.assertLivesOn();
});

test("recover leaves the queues as the program that runs has them", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  const witness = await Witness.of(vm);
  const order = orderOf(vm, builds.new);
  for (const at of ["switchover", "load"] as const) {
    {
      await using cprctl = Cprctl.start(order);
      await cprctl.run((phase) => {
        if (phase === at) cprctl.kill("SIGKILL");
      });
    }
    const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
    assertEquals(recovery?.outcome, "recovered", recovery?.message);
    assertEquals(attached(), 1);
    await witness.assertLivesOn();
  }
  assertEquals(vm.executable(), builds.new.binary);
});
