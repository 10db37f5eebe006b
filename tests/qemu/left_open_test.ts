/**
 * What QEMU leaves open over an exec does not pile up: the terminals of devices
 * that cannot be changed, and the guest's connections through user networking.
 */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  openDescriptors,
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { argvOf, move, moveAndReturn } from "./moved.ts";

const builds = await qemuBuilds();
const MOVES = 5;
const PATIENCE_MS = 10_000;

/** How many descriptors of each kind are open. */
function kinds(vm: VirtualMachine): Map<string, number> {
  const found = new Map<string, number>();
  for (const { target } of openDescriptors(vm.pid)) {
    const kind = target.replace(/:\[\d+\]$/, "");
    found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  return found;
}

/** The kinds of which there are more or fewer than before. */
function changes(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): Record<string, number> {
  const all = new Set([...before.keys(), ...now.keys()]);
  return Object.fromEntries(
    [...all].map((kind) =>
      [kind, (now.get(kind) ?? 0) - (before.get(kind) ?? 0)] as const
    ).filter(([, more]) => more !== 0),
  );
}

/** Asserts it as soon as clients of the monitor that have left are gone. */
async function assertChanged(
  vm: VirtualMachine,
  before: ReadonlyMap<string, number>,
  expected: Record<string, number>,
): Promise<void> {
  const text = (it: Record<string, number>) =>
    JSON.stringify(Object.entries(it).toSorted());
  const now = () => text(changes(before, kinds(vm)));
  try {
    const isSo = () => now() === text(expected);
    await until("only they are left", PATIENCE_MS, isSo);
  } catch (error) {
    throw new Error(`There are more or fewer: ${now()}`, { cause: error });
  }
}

const DEVICES = [
  ...["-object", "iothread,id=io0", "-device", "virtio-scsi-pci,iothread=io0"],
  ...["-object", "rng-random,filename=/dev/urandom,id=rng"],
  ...["-device", "virtio-rng-pci,rng=rng", "-device", "VGA"],
  ...["-device", "qemu-xhci", "-device", "usb-tablet", "-serial", "pty"],
  ...["-vnc", "unix:vnc.sock", "-device", "virtio-serial-pci"],
  ...["-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off"],
  ...["-device", "virtserialport,chardev=agent"],
];

Deno.test("after five updates a process has what a fresh one has", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, cpus: 2, extra: [...DEVICES, "-netdev", "user,id=u"] },
    "tcg",
  );
  const before = kinds(vm);
  for (let time = 0; time < MOVES; time++) {
    await move(vm, time % 2 ? builds.old : builds.new);
    await assertChanged(vm, before, {});
  }
});

Deno.test("what an update leaves open is closed by the next one", async () => {
  await using _base = await Base.make();
  const port = 20_000 + Deno.pid % 10_000;
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...DEVICES,
      ...["-chardev", "pty,id=c", "-device", "virtconsole,chardev=c"],
      ...["-netdev", `user,id=u,hostfwd=tcp:127.0.0.1:${port}-:22`],
      ...["-device", "virtio-net-pci,netdev=u"],
    ],
  }, "tcg");
  const witness = await Witness.of(vm);
  const before = kinds(vm);
  for (let time = 0; time < MOVES; time++) {
    // QEMU accepts it on behalf of the guest.
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await vm.command("query-status");
    await move(vm, time % 2 ? builds.old : builds.new);
    await assertChanged(vm, before, { "/dev/ptmx": 1, "socket": 1 });
    assertEquals(await vm.command("query-fdsets"), []);
  }
  const argv = await argvOf(vm);
  assertEquals(argv.filter((word) => word === "-add-fd").length, 2);
  await moveAndReturn(vm, builds.old);
  // What the test's own shell had left open is not there either.
  const { "/dev/ptmx": terminals = 0 } = changes(before, kinds(vm));
  assertEquals(terminals, 0);
  await witness.assertLivesOn();
  await move(vm, builds.old);
  assertEquals((await argvOf(vm)).includes("-add-fd"), false);
  await witness.assertLivesOn();
});
