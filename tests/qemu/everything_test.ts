/** A VM that had everything done to it at once stays the same VM. */

import { assertEquals } from "@std/assert";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import {
  bringUp,
  hasCarrier,
  openTap,
  whyNoTaps,
} from "../../testing/qemu/tap.ts";
import { makeImage } from "./disk_image.ts";
import { move, moveAndReturn } from "./moved.ts";
import { seen } from "./seen.ts";

const builds = await qemuBuilds();
const TAP = `ce${Deno.pid}`;
const hasTaps = whyNoTaps() === undefined;
const IMAGES = ["base.qcow2", "old.raw", "new.raw"];
const PORTS = ["blk", "nic1", "nic2", "scsi"].flatMap((id, at) => [
  ...["-device", `pcie-root-port,id=root-${id},chassis=${at + 1}`],
]);
const NO_LIMITS = { bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };

const machineIn = (folder: string) => ({
  ...PLAIN,
  extra: [
    ...PORTS,
    ...["-m", "64M,slots=2,maxmem=1G", "-smp", "1,maxcpus=2"],
    ...["-device", "qemu-xhci,id=usb"],
    `-drive`,
    `if=none,id=drive,file=${folder}/base.qcow2,format=qcow2`,
    ...["-device", "virtio-blk-pci,id=vda,drive=drive"],
    ...["-device", "ide-cd,id=tray,drive=cd"],
    `-drive`,
    `if=none,id=cd,media=cdrom,format=raw,file=${folder}/old.raw`,
  ],
});

const blank = (name: string): [string, JsonObject] => [
  "blockdev-add",
  { driver: "null-co", "node-name": name, size: 4 << 20 },
];

const plug = (driver: string, id: string, more: JsonObject) =>
  ["device_add", { driver, id, ...more }] as const;

function changes(
  folder: string,
): readonly (readonly [string, JsonObject])[] {
  return [
    ...["disk0", "disk1", "disk2"].map(blank),
    ["object-add", { "qom-type": "iothread", id: "io0" }],
    plug("virtio-blk-pci", "blk", {
      ...{ bus: "root-blk", drive: "disk0", iothread: "io0" },
    }),
    plug("virtio-scsi-pci", "scsi", { bus: "root-scsi" }),
    plug("scsi-hd", "hd", { bus: "scsi.0", lun: 2, drive: "disk1" }),
    plug("usb-storage", "stick", { bus: "usb.0", drive: "disk2" }),
    plug("qemu64-x86_64-cpu", "cpu1", {
      ...{ "socket-id": 0, "core-id": 1, "thread-id": 0 },
    }),
    ["object-add", {
      ...{ "qom-type": "memory-backend-memfd", id: "mem1" },
      ...{ size: 128 << 20, share: true },
    }],
    plug("pc-dimm", "dimm1", { memdev: "mem1" }),
    ["netdev_add", { type: "user", id: "net1" }],
    plug("virtio-net-pci", "nic1", {
      ...{ bus: "root-nic1", netdev: "net1", mac: "52:54:00:00:00:09" },
    }),
    ["blockdev-snapshot-sync", {
      device: "drive",
      "snapshot-file": `${folder}/overlay.qcow2`,
    }],
    ["blockdev-change-medium", {
      ...{ id: "tray", filename: `${folder}/new.raw`, format: "raw" },
    }],
    ["block_set_io_throttle", {
      ...{ id: "/machine/peripheral/vda/virtio-backend" },
      ...{ bps: 1_000_000, bps_max: 2_000_000, ...NO_LIMITS },
    }],
  ];
}

/** A network whose tap interface a manager opened. */
async function giveTap(vm: VirtualMachine): Promise<void> {
  await using qmp = await vm.monitor();
  using tap = openTap(TAP);
  const descriptors = [tap.number];
  await qmp.execute("getfd", { fdname: "tap" }, { descriptors });
  await qmp.execute("netdev_add", { type: "tap", id: "net2", fd: "tap" });
  await qmp.execute("device_add", {
    ...{ driver: "virtio-net-pci", id: "nic2", bus: "root-nic2" },
    netdev: "net2",
  });
  await bringUp(TAP);
}

const DEVICES = ["blk", "scsi", "hd", "stick", "dimm1", "nic1"];

Deno.test("a VM with every change at once stays the same", async () => {
  await using _base = await Base.make();
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "cprctl-images-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  for (const name of IMAGES) await makeImage(builds.old, `${folder}/${name}`);
  const machine = machineIn(folder);
  const vm = stack.use(
    await VirtualMachine.boot(builds.old, machine, "tcg"),
  );
  for (const [command, given] of changes(folder)) {
    await vm.command(command, given);
  }
  if (hasTaps) await giveTap(vm);
  const devices = [...DEVICES, ...hasTaps ? ["nic2"] : []];
  const witness = await Witness.of(vm);
  const before = await seen(vm, devices);

  const steps = [
    ...[builds.new, builds.old, builds.new].map((to) => () => move(vm, to)),
    () => moveAndReturn(vm, builds.old),
  ];
  for (const step of steps) {
    await step();
    assertEquals(await seen(vm, devices), before);
    if (hasTaps) assertEquals(await hasCarrier(TAP), true);
    await witness.assertLivesOn();
  }
});
