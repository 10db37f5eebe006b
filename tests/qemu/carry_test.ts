/**
 * A VM that lived: what was changed at run time is there after an update, after
 * one back, and after a rollback.
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { PLAIN, until, VirtualMachine } from "../../testing/qemu/mod.ts";
import { makeImage } from "./disk_image.ts";
import { argvOf, move, moveAndReturn, tryToMove } from "./moved.ts";
import { seen } from "./seen.ts";
import { bootWithoutRom } from "./unplugged_rom.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;
const SIZE = 4 << 20;

/** One way to change a VM, and how to see that it is as it was. */
interface Life {
  readonly name: string;
  readonly extra: readonly string[];
  readonly changes: (folder: string) => readonly [string, JsonObject][];
  /** Devices whose properties are compared. */
  readonly devices?: readonly string[];
  readonly objects?: readonly string[];
  /** What was unplugged. */
  readonly gone?: string;
}

const PORTS = [0, 1, 2, 3, 4].flatMap((port) => [
  ...["-device", `pcie-root-port,id=root${port},chassis=${port + 1}`],
]);

function empty(name: string): [string, JsonObject] {
  return ["blockdev-add", {
    driver: "null-co",
    "node-name": name,
    size: SIZE,
  }];
}

const at = (id: string) => `/machine/peripheral/${id}/virtio-backend`;
const NO_LIMITS = { bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };

const LIVES: readonly Life[] = [
  {
    name: "devices of every bus were plugged in",
    extra: [
      ...PORTS,
      ...["-device", "qemu-xhci,id=usb", "-device", "virtio-serial-pci,id=ser"],
      ...["-device", "usb-hub,bus=usb.0,port=1", "-netdev", "user,id=net0"],
    ],
    changes: (folder) => [
      ...["disk0", "disk1", "disk2", "disk3"].map(empty),
      ["object-add", { "qom-type": "iothread", id: "io0", "poll-max-ns": 5 }],
      ["object-add", {
        "qom-type": "rng-random",
        id: "entropy",
        filename: "/dev/urandom",
      }],
      ["netdev_add", { type: "user", id: "net1" }],
      ["chardev-add", {
        id: "agent",
        backend: {
          type: "socket",
          data: {
            addr: { type: "unix", data: { path: `${folder}/agent` } },
            server: true,
            wait: false,
          },
        },
      }],
      ["device_add", {
        driver: "virtio-blk-pci",
        id: "blk",
        bus: "root0",
        drive: "disk0",
        serial: `a "serial", 1`,
        iothread: "io0",
      }],
      ["device_add", { driver: "virtio-scsi-pci", id: "scsi", bus: "root1" }],
      ["device_add", {
        driver: "scsi-hd",
        id: "hd",
        bus: "scsi.0",
        lun: 3,
        drive: "disk1",
      }],
      ["device_add", {
        driver: "nvme",
        id: "nvme",
        bus: "root2",
        drive: "disk2",
        serial: "n",
      }],
      ["device_add", {
        driver: "virtio-net-pci",
        id: "nic",
        bus: "root3",
        netdev: "net1",
        mac: "52:54:00:00:00:09",
      }],
      ["device_add", { driver: "qemu-xhci", id: "usb2", bus: "root4" }],
      ["device_add", { driver: "usb-tablet", id: "tablet", bus: "usb.0" }],
      ["device_add", { driver: "usb-storage", id: "stick", drive: "disk3" }],
      ["device_add", {
        driver: "virtserialport",
        id: "port",
        bus: "ser.0",
        chardev: "agent",
        name: "org.example",
      }],
    ],
    devices: [
      "blk",
      "scsi",
      "hd",
      "nvme",
      "nic",
      "usb2",
      "tablet",
      "stick",
      "port",
    ],
  },
  {
    name: "a vCPU and memory were plugged in",
    extra: ["-m", "64M,slots=2,maxmem=1G", "-smp", "1,maxcpus=2"],
    changes: () => [
      ["device_add", {
        driver: "qemu64-x86_64-cpu",
        id: "cpu1",
        "socket-id": 0,
        "core-id": 1,
        "thread-id": 0,
      }],
      ["object-add", {
        "qom-type": "memory-backend-memfd",
        id: "mem1",
        size: 128 << 20,
        share: true,
      }],
      ["device_add", { driver: "pc-dimm", id: "dimm1", memdev: "mem1" }],
    ],
    devices: ["dimm1"],
  },
  {
    name: "user networks before others were removed",
    extra: [...PORTS, "-netdev", "user,id=first", "-netdev", "user,id=second"],
    changes: () => [
      ["netdev_add", { type: "user", id: "z", restrict: true }],
      ["netdev_add", { type: "user", id: "y" }],
      ["netdev_add", { type: "user", id: "x" }],
      ["device_add", {
        driver: "virtio-net-pci",
        id: "nic",
        bus: "root0",
        netdev: "x",
      }],
      ["netdev_del", { id: "first" }],
      ["netdev_del", { id: "y" }],
    ],
    devices: ["nic"],
  },
  {
    name: "objects of the command line were set",
    extra: [
      ...["-object", "iothread,id=io0,poll-max-ns=7"],
      ...["-object", "throttle-group,id=group,x-iops-total=1000"],
    ],
    changes: () => [
      ...["poll-shrink", "poll-weight", "thread-pool-max"].map(
        (property): [string, JsonObject] => ["qom-set", {
          path: "/objects/io0",
          ...{ property, value: 9 },
        }],
      ),
      ["qom-set", {
        path: "/objects/group",
        property: "limits",
        value: { "iops-total": 500, "bps-total": 7, "bps-total-max": 9 },
      }],
    ],
    objects: ["io0", "group"],
  },
  {
    name: "a device before others was unplugged",
    extra: [
      ...["-device", "qemu-xhci,id=usb", "-device", "usb-tablet,id=gone"],
      ...["-device", "usb-kbd,id=kept"],
    ],
    changes: () => [["device_del", { id: "gone" }]],
    devices: ["kept"],
    gone: "gone",
  },
  {
    name: "images, media and limits were changed",
    extra: [
      ...["-device", "virtio-scsi-pci,id=scsi"],
      "-drive",
      "if=none,id=drive,file=a.qcow2,format=qcow2,throttling.bps-total=1000000",
      ...["-device", "virtio-blk-pci,id=vda,drive=drive"],
      ...["-blockdev", "driver=null-co,node-name=empty"],
      ...["-device", "virtio-blk-pci,id=vdc,drive=empty"],
      "-blockdev",
      JSON.stringify({
        driver: "qcow2",
        "node-name": "store",
        discard: "unmap",
        file: { driver: "file", filename: "b.qcow2" },
      }),
      ...["-device", "virtio-blk-pci,id=vdb,drive=store"],
      ...["-drive", "if=none,id=cd,media=cdrom,format=raw,file=c.raw"],
      ...["-device", "scsi-cd,id=tray1,drive=cd"],
      "-drive",
      "if=none,id=cd5,media=cdrom,format=raw,file=c.raw,node-name=disc5," +
      "cache=unsafe,discard=unmap,auto-read-only=on,read-only=on",
      ...["-device", "scsi-cd,id=tray5,drive=cd5"],
      ...["-device", "scsi-cd,id=tray2"],
      ...["-drive", "if=none,id=cd3,media=cdrom,format=raw,file=c.raw"],
      ...["-device", "scsi-cd,id=tray3,drive=cd3"],
      ...["-drive", "if=none,id=cd4,media=cdrom,format=raw,file=c.raw"],
      ...["-device", "scsi-cd,id=tray4,drive=cd4"],
    ],
    changes: (folder) => [
      ["blockdev-snapshot-sync", {
        device: "drive",
        "snapshot-file": `${folder}/over, a.qcow2`,
      }],
      ["blockdev-snapshot-sync", {
        device: "drive",
        "snapshot-file": `${folder}/over-2.qcow2`,
        "snapshot-node-name": "named",
      }],
      ["blockdev-snapshot-sync", {
        "node-name": "store",
        "snapshot-file": `${folder}/over-b.qcow2`,
        "snapshot-node-name": "over",
      }],
      ...["tray1", "tray2"].map((id): [string, JsonObject] => [
        "blockdev-change-medium",
        { id, filename: `${folder}/d.raw`, format: "raw" },
      ]),
      ["eject", { id: "tray3", force: true }],
      ["eject", { id: "tray5", force: true }],
      ["blockdev-open-tray", { id: "tray4", force: true }],
      ["blockdev-remove-medium", { id: "tray4" }],
      ["blockdev-add", {
        ...{ driver: "raw", "node-name": "disc", "read-only": true },
        file: { driver: "file", filename: `${folder}/d.raw` },
      }],
      ["blockdev-insert-medium", { id: "tray4", "node-name": "disc" }],
      ["blockdev-reopen", {
        options: [{
          ...{ driver: "null-co", "node-name": "empty" },
          ...{ cache: { "no-flush": true }, "detect-zeroes": "on" },
        }],
      }],
      ["block_set_io_throttle", {
        id: at("vda"),
        bps: 1_000_000,
        bps_max: 2_000_000,
        iops: 0,
        ...NO_LIMITS,
      }],
      ["block_set_io_throttle", {
        id: at("vdb"),
        bps: 0,
        iops: 77,
        iops_max: 100,
        ...NO_LIMITS,
      }],
    ],
  },
];

/** Boots and changes it. The images are in a folder that goes with the VM. */
async function live(
  { extra, changes, gone }: Life,
  stack: AsyncDisposableStack,
): Promise<VirtualMachine> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-images-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  for (const name of ["a.qcow2", "b.qcow2", "c.raw", "d.raw"]) {
    await makeImage(builds.old, `${folder}/${name}`);
  }
  const machine = {
    ...PLAIN,
    extra: extra.map((word) =>
      word.replace(/(file=|"filename":")/, `$1${folder}/`)
    ),
  };
  const vm = stack.use(await VirtualMachine.boot(builds.old, machine, "tcg"));
  for (const [command, given] of changes(folder)) {
    await vm.command(command, given);
  }
  if (gone !== undefined) {
    await until(`${gone} is unplugged`, PATIENCE_MS, async () => {
      const devices = await vm.command("qom-list", {
        path: "/machine/peripheral",
      });
      return !JSON.stringify(devices).includes(`"${gone}"`);
    });
  }
  return vm;
}

for (const life of LIVES) {
  Deno.test(`a VM is the same after updates and a rollback: ${life.name}`, async () => {
    await using _base = await Base.make();
    await using stack = new AsyncDisposableStack();
    const vm = await live(life, stack);
    const before = await seen(vm, life.devices, life.objects);
    await move(vm, builds.new);
    assertEquals(await seen(vm, life.devices, life.objects), before);
    // There is nothing left that was changed at run time, but for limits.
    const argv = await argvOf(vm);
    await move(vm, builds.old);
    assertEquals(await seen(vm, life.devices, life.objects), before);
    assertEquals((await argvOf(vm)).slice(1), argv.slice(1));
    await moveAndReturn(vm, builds.new);
    assertEquals(await seen(vm, life.devices, life.objects), before);
  });
}

Deno.test("a VM that was changed is rolled back at once if the new program dies", async () => {
  await using _base = await Base.make();
  const [life] = LIVES;
  if (life === undefined) throw new Error("There is no life");
  await using stack = new AsyncDisposableStack();
  const vm = await live(life, stack);
  const before = await seen(vm, life.devices, life.objects);
  await moveAndReturn(vm, builds.new);
  assertEquals(await seen(vm, life.devices, life.objects), before);
});

Deno.test("a user network that was created again keeps its place among others", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...["a", "b", "c"].flatMap((id) => ["-netdev", `user,id=${id}`]),
      ...["-device", "virtio-net-pci,netdev=b"],
    ],
  }, "tcg");
  await vm.command("netdev_del", { id: "a" });
  await vm.command("netdev_add", { type: "user", id: "a", restrict: true });
  const human = async (line: string) =>
    String(await vm.command("human-monitor-command", { "command-line": line }));
  const networks = async () =>
    (await human("info usernet")).match(/(?<=\()\w+(?=\))/g);
  assertEquals(await networks(), ["b", "c", "a"]);
  await moveAndReturn(vm, builds.new);
  assertEquals(await networks(), ["b", "c", "a"]);
  await move(vm, builds.new);
  assertEquals(await networks(), ["b", "c", "a"]);
  assertMatch(await human("info network"), /^a: .*restrict=on/m);
});

Deno.test("a medium is carried over after one that was carried over before", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...["-device", "virtio-scsi-pci", "-device", "scsi-cd,id=tray"],
    ],
  }, "tcg");
  for (const [name, build] of [["a", builds.new], ["b", builds.old]] as const) {
    const filename = await makeImage(builds.old, `${vm.folder}/${name}.raw`);
    await vm.command("blockdev-change-medium", { id: "tray", filename });
    await move(vm, build);
    const drives = await vm.command("query-block") as readonly JsonObject[];
    const tray = drives.find(({ qdev }) => qdev === "tray")?.["inserted"];
    assertEquals((tray as JsonObject | undefined)?.["file"], filename);
  }
});

for (
  const [closed, first] of [["is closed", moveAndReturn], [
    "is another's",
  ]] as const
) {
  Deno.test(`a VM without a ROM whose descriptor ${closed} stays where it is`, async () => {
    await using _base = await Base.make();
    await using vm = await bootWithoutRom(
      builds.old,
      (vm) => Promise.resolve(first?.(vm, builds.new)),
    );
    const { pid } = vm;
    const report = await tryToMove(vm, builds.new);
    assertEquals(report.error?.code, "cancelled", report.error?.message);
    assertMatch(
      report.error?.message ?? "",
      /CPR state still has ".*\/e1000e\.rom"/,
    );
    assertEquals([report.outcome, report.pid_after], ["rolled-back", pid]);
  });
}

Deno.test("an image whose overlay was committed is writable again", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...["-blockdev", "driver=null-co,size=4194304,node-name=base"],
      ...["-device", "virtio-blk-pci,id=vd,drive=base"],
    ],
  }, "tcg");
  await vm.command("blockdev-snapshot-sync", {
    ...{ "node-name": "base", "snapshot-node-name": "over" },
    "snapshot-file": `${vm.folder}/over.qcow2`,
  });
  await move(vm, builds.new);
  await vm.command("block-commit", { "job-id": "commit", device: "over" });
  const jobs = async () =>
    await vm.command("query-jobs") as readonly JsonObject[];
  await until(
    "the job is ready",
    PATIENCE_MS,
    async () => (await jobs()).some(({ status }) => status === "ready"),
  );
  await vm.command("job-complete", { id: "commit" });
  await until("no job", PATIENCE_MS, async () => (await jobs()).length === 0);
  const before = await seen(vm);
  await moveAndReturn(vm, builds.old);
  await move(vm, builds.old);
  assertEquals(await seen(vm), before);
});

Deno.test("what cannot be carried over is refused by name", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  await vm.command("object-add", {
    "qom-type": "secret",
    id: "key",
    data: "a",
  });
  const report = await tryToMove(vm, builds.new);
  assertEquals(report.outcome, "refused");
  assertEquals(report.error?.code, "objects");
});

Deno.test("a user network beside the default one is refused by name", async () => {
  await using _base = await Base.make();
  const machine = { ...PLAIN, defaults: true } as const;
  await using vm = await VirtualMachine.start(builds.old, machine, "tcg");
  await vm.command("netdev_add", { type: "user", id: "late" });
  const report = await tryToMove(vm, builds.new);
  assertEquals(report.outcome, "refused");
  assertEquals(report.error?.code, "netdevs");
});
