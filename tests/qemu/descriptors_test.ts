/**
 * Descriptors that a manager gave to a VM over its monitor: QEMU closes them
 * when it executes another program, so that they are sent to that one again.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, O_RDWR } from "../../ffi/open_flags.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import { type JsonObject, QmpClient } from "../../lib/qmp/mod.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  openDescriptors,
  PLAIN,
  SECOND_MONITOR,
  secondMonitor,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import {
  attachedQueues,
  bringUp,
  hasCarrier,
  openTap,
  tapsOf,
  whyNoTaps,
} from "../../testing/qemu/tap.ts";
import { Cprctl, orderOf, SELF } from "../../testing/update/cprctl.ts";
import { makeImage } from "./disk_image.ts";
import { argvOf, move, moveAndReturn, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
/** Interfaces of this run alone; a name has at most 15 characters. */
const ONE = `cd${Deno.pid}a`;
const TWO = `cd${Deno.pid}b`;
const OWN = `cd${Deno.pid}c`;

const problem = whyNoTaps();
if (problem !== undefined) console.log(`Without tap interfaces: ${problem}`);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: problem !== undefined, fn });
}

const PORTS = ["n1", "n2", "n3", "b1"].flatMap((id, at) => [
  ...["-device", `pcie-root-port,id=${id},chassis=${at + 1}`],
]);

async function boot(): Promise<VirtualMachine> {
  const vm = await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: PORTS },
    "tcg",
  );
  await makeImage(builds.old, `${vm.folder}/passed.raw`);
  await Deno.writeTextFile(`${vm.folder}/spare`, "");
  return vm;
}

function nic(id: string, bus: string, more: JsonObject = {}): JsonObject {
  return { driver: "virtio-net-pci", id, bus, netdev: `net-${id}`, ...more };
}

/** Gives the VM what a manager would, and has it use it. */
async function give(vm: VirtualMachine): Promise<void> {
  await using qmp = await vm.monitor();
  using one = openTap(ONE);
  using first = openTap(TWO, true);
  using second = openTap(TWO, true);
  using image = Fd.open(`${vm.folder}/passed.raw`, O_RDWR);
  using spare = Fd.open(`${vm.folder}/spare`, O_RDONLY);
  const send = (execute: string, given: JsonObject, fd: Fd) =>
    qmp.execute(execute, given, { descriptors: [fd.number] });
  await send("getfd", { fdname: "one" }, one);
  await qmp.execute("netdev_add", { type: "tap", id: "net-a", fd: "one" });
  await send("getfd", { fdname: "first" }, first);
  await send("getfd", { fdname: "second" }, second);
  const fds = "first:second";
  await qmp.execute("netdev_add", { type: "tap", id: "net-b", fds });
  await qmp.execute("netdev_add", {
    ...{ type: "tap", id: "net-c", ifname: OWN },
    ...{ script: "no", downscript: "no" },
  });
  await qmp.execute("device_add", nic("a", "n1"));
  await qmp.execute("device_add", nic("b", "n2", { mq: true, vectors: 6 }));
  await qmp.execute("device_add", nic("c", "n3"));
  await send("add-fd", { "fdset-id": 3, opaque: "image" }, image);
  await send("add-fd", { "fdset-id": 4 }, spare);
  await qmp.execute("blockdev-add", {
    driver: "raw",
    "node-name": "passed",
    file: { driver: "file", filename: "/dev/fdset/3" },
  });
  await qmp.execute("device_add", {
    ...{ driver: "virtio-blk-pci", id: "vdb", bus: "b1", drive: "passed" },
  });
  for (const name of [ONE, TWO, OWN]) await bringUp(name);
}

/** What a person sees of it; the numbers of descriptors may differ. */
async function seen(vm: VirtualMachine) {
  await using qmp = await vm.monitor();
  const network = await qmp.execute("human-monitor-command", {
    "command-line": "info network",
  });
  const sets = await qmp.execute("query-fdsets");
  const disks = await qmp.execute("query-block") as JsonObject[];
  const open = openDescriptors(vm.pid).map(({ target }) => target);
  return {
    network: String(network)
      .replace(/(fd=\d+|ifname=.*)/g, "fd").split("\n").toSorted(),
    sets: JSON.stringify(sets).replace(/"fd":\d+/g, '"fd"'),
    images: disks.map(({ inserted }) => (inserted as JsonObject)["file"]),
    taps: tapsOf(vm.pid),
    isUp: await Promise.all([ONE, TWO, OWN].map(hasCarrier)),
    queues: attachedQueues(TWO),
    passed: open.filter((it) => it.endsWith("/passed.raw")).length,
    spare: open.filter((it) => it.endsWith("/spare")).length,
  };
}

test("descriptors that were sent to a VM are kept by updates and rollbacks", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  await give(vm);
  const witness = await Witness.of(vm);
  const before = await seen(vm);
  assertEquals(before.isUp, [true, true, true]);
  const steps = [
    () => move(vm, builds.new),
    () => moveAndReturn(vm, builds.old),
    () => move(vm, builds.old),
    () => moveAndReturn(vm, builds.new),
  ];
  for (const step of steps) {
    await step();
    await witness.assertLivesOn();
    assertEquals(await seen(vm), before);
  }
  const argv = await argvOf(vm);
  assertEquals(argv.filter((it) => it.includes("net-a")), []);
  assertEquals(argv.filter((it) => it.includes('"net-c","fd"')).length, 1);
});

for (const at of ["load", "commit"] as const) {
  test(`descriptors that were sent to a VM are kept by recover before ${at}`, async () => {
    await using _base = await Base.make();
    await using vm = await boot();
    await give(vm);
    const witness = await Witness.of(vm);
    const before = await seen(vm);
    const request = { timeoutMs: TIMEOUT_MS, self: SELF };
    for (const dies of [true, false]) {
      await using cprctl = Cprctl.start(orderOf(vm, builds.new));
      await cprctl.run((phase) => {
        if (phase !== at) return;
        if (dies) Deno.kill(vm.pid, "SIGKILL");
        cprctl.kill("SIGKILL");
      });
      const [recovery] = await recover(request);
      const { outcome, message, pid } = recovery ?? {};
      assertEquals(outcome, dies ? "rolled-back" : "recovered", message);
      vm.follow(pid ?? 0);
      await witness.assertLivesOn();
      assertEquals(await seen(vm), before);
    }
  });
}

Deno.test("two programs cannot share a descriptor that was sent to one", async () => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  {
    await using qmp = await vm.monitor();
    using file = Fd.open("/dev/null", O_RDONLY);
    await qmp.execute("add-fd", {}, { descriptors: [file.number] });
  }
  for (const mode of ["cpr-transfer", "live"] as const) {
    const { outcome, error } = await tryToMove(vm, builds.new, { mode });
    assertEquals([outcome, error?.code], ["refused", "transfer-arguments"]);
  }
});

Deno.test("a block node whose descriptor was removed is refused", async () => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  const path = await makeImage(builds.old, `${vm.folder}/passed.raw`);
  {
    await using qmp = await vm.monitor();
    using writable = Fd.open(path, O_RDWR);
    using readable = Fd.open(path, O_RDONLY);
    const numbers: JsonObject[] = [];
    for (const { number } of [writable, readable]) {
      const set = { "fdset-id": 3 };
      const added = await qmp.execute("add-fd", set, { descriptors: [number] });
      numbers.push(added as JsonObject);
    }
    await qmp.execute("blockdev-add", {
      ...{ driver: "file", filename: "/dev/fdset/3", "node-name": "passed" },
    });
    await qmp.execute("remove-fd", numbers[0]);
  }
  const report = await tryToMove(vm, builds.new);
  assertEquals([report.outcome, report.error?.code], ["refused", "fd-sets"]);
  assertMatch(
    report.error?.message ?? "",
    /no longer has a writable descriptor/,
  );
});

Deno.test("what a client adds after the checks is carried over as well", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: SECOND_MONITOR },
    "tcg",
  );
  let isAdded = false;
  const observer = async (phase: PhaseName) => {
    if (phase !== "migrate" || isAdded) return;
    isAdded = true;
    await using other = await QmpClient.connect(secondMonitor(vm.folder), {
      timeoutMs: TIMEOUT_MS,
    });
    using file = Fd.open("/dev/null", O_RDONLY);
    await other.execute("add-fd", { "fdset-id": 6 }, {
      descriptors: [file.number],
    });
    await other.execute("netdev_add", { type: "user", id: "late" });
  };
  const report = await tryToMove(vm, builds.new, { observer });
  assertEquals(report.outcome, "updated", report.error?.message);
  const sets = await vm.command("query-fdsets") as JsonObject[];
  assertEquals(sets.map((set) => set["fdset-id"]), [6]);
  const network = await vm.command("human-monitor-command", {
    "command-line": "info network",
  });
  assertMatch(String(network), /^late: /m);
  assertMatch(report.warnings.join("\n"), /Descriptor set/);
  assertMatch(report.warnings.join("\n"), /Network back end/);
});

Deno.test("a file that the new program opens at its start cannot be sent", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-passed-" });
  const binary = `${folder}/qemu`;
  const script = `#!/bin/sh\nexec "${builds.old.binary}" "$@" 7>/dev/null\n`;
  await Deno.writeTextFile(binary, script, { mode: 0o755 });
  const sets = ["-add-fd", "fd=7,set=1"];
  const log = ["-chardev", "file,id=log,path=/dev/fdset/1,append=on"];
  {
    await using vm = await VirtualMachine.start(
      { ...builds.old, binary },
      { ...PLAIN, extra: [...sets, ...log] },
      "tcg",
    );
    const report = await tryToMove(vm, builds.new);
    assertEquals(report.outcome, "refused");
    assertEquals(report.error?.code, "fd-sets", report.error?.message);
  }
  {
    await using vm = await VirtualMachine.boot(
      { ...builds.old, binary },
      { ...PLAIN, extra: sets },
      "tcg",
    );
    const witness = await Witness.of(vm);
    const setsOf = async () =>
      JSON.stringify(await vm.command("query-fdsets"))
        .replace(/"fd":\d+/, '"fd"');
    const before = await setsOf();
    await move(vm, builds.new);
    await witness.assertLivesOn();
    assertEquals(await setsOf(), before);
    await moveAndReturn(vm, builds.old);
    await witness.assertLivesOn();
    assertEquals(await setsOf(), before);
  }
  await Deno.remove(folder, { recursive: true });
});
