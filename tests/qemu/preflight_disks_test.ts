import { assertEquals } from "@std/assert";
import { qemuBuilds, toolOf } from "../../testing/qemu/builds/builds.ts";
import { makeImage } from "./disk_image.ts";
import {
  type Machine,
  PLAIN,
  until,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import {
  assertCarries,
  assertNothingElse,
  assertRefuses,
  assertWarns,
  preflightOf,
} from "./preflight_of.ts";
import { Stranger } from "../../testing/program/stranger.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;

/** A folder of images that outlives no test. */
class Images implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "cprctl-images-" });

  make(name: string): Promise<string> {
    return makeImage(builds.old, this.path(name));
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

function start(extra: readonly string[]): Promise<VirtualMachine> {
  const machine: Machine = { ...PLAIN, extra };
  return VirtualMachine.start(builds.old, machine, "tcg");
}

const check = (vm: VirtualMachine) => preflightOf(vm, builds.new.binary);

Deno.test("unchanged drives of every form pass", async () => {
  await using images = new Images();
  const image = (name: string) => images.make(name);
  await using vm = await start([
    ...["-hdb", await image("hdb.raw"), "-cdrom", await image("cdrom.raw")],
    ...[
      "-drive",
      `if=none,id=a,file=${await image("a,b.qcow2").then((it) =>
        it.replaceAll(",", ",,")
      )}`,
    ],
    ...["-drive", `if=virtio,format=raw,file=file:${await image("c.raw")}`],
    ...[
      "-drive",
      `if=none,id=d,driver=raw,file.driver=file,file.filename=${await image(
        "d.raw",
      )},file.locking=off`,
    ],
    ...[
      "-drive",
      "if=none,id=empty,media=cdrom",
      "-device",
      "ide-cd,drive=empty,bus=ide.3",
    ],
    ...[
      "-drive",
      `if=none,id=e,format=raw,file=${await image(
        "e.raw",
      )},throttling.bps-total=1000000,throttling.group=shared`,
    ],
    ...[
      "-drive",
      `if=none,id=f,format=raw,file=${await image(
        "f.raw",
      )},throttling.group=shared`,
    ],
    ...[
      "-drive",
      `if=none,id=g,format=raw,node-name=mine,file=${await image(
        "g.raw",
      )},iops=500`,
    ],
    ...[
      "-blockdev",
      `driver=file,node-name=store,filename=${await image("h.raw")}`,
    ],
    ...["-blockdev", "driver=raw,node-name=disk1,file=store,offset=512"],
    ...["-device", "virtio-blk-pci,id=vd1,drive=disk1"],
    ...[
      "-blockdev",
      JSON.stringify({
        driver: "qcow2",
        "node-name": "disk2",
        backing: null,
        file: {
          driver: "file",
          filename: await image("i.qcow2"),
          "node-name": "store2",
        },
      }),
    ],
    ...[
      "-device",
      JSON.stringify({ driver: "virtio-blk-pci", drive: "disk2" }),
    ],
    ...[
      "-drive",
      `if=none,id=h,copy-on-read=on,file=${await image("j.qcow2")}`,
    ],
    ...["-drive", "if=none,id=i,format=raw,file=null-co://"],
    ...["-blockdev", "driver=null-co,node-name=nothing,size=1048576"],
    ...[
      "-blockdev",
      "driver=quorum,node-name=vote,vote-threshold=1," +
      "children.0.driver=null-co,children.0.node-name=voter",
    ],
    ...["-device", "virtio-scsi-pci", "-device", "scsi-cd,id=tray"],
  ]);
  assertNothingElse(await check(vm));
});

Deno.test("an overlay on top of a named image is carried over", async () => {
  await using images = new Images();
  const [a, b] = [await images.make("a.qcow2"), await images.make("b.qcow2")];
  await using vm = await start([
    ...[
      "-drive",
      `if=none,id=data,file=${a}`,
      "-device",
      "virtio-blk-pci,drive=data",
    ],
    ...[
      "-blockdev",
      `driver=qcow2,node-name=store,file.driver=file,file.filename=${b}`,
    ],
    ...["-device", "virtio-blk-pci,id=vd,drive=store"],
  ]);
  await vm.command("blockdev-snapshot-sync", {
    device: "data",
    "snapshot-file": images.path("over-a.qcow2"),
  });
  await vm.command("blockdev-snapshot-sync", {
    "node-name": "store",
    "snapshot-file": images.path("over-b.qcow2"),
    "snapshot-node-name": "over",
  });
  const checks = await check(vm);
  assertCarries(checks, "4 by arguments");
  assertNothingElse(checks);
});

Deno.test("an overlay on a drive without an id is refused", async () => {
  await using images = new Images();
  await using vm = await start(["-hdb", await images.make("hdb.raw")]);
  await vm.command("blockdev-snapshot-sync", {
    device: "ide1-hd0",
    "snapshot-file": images.path("over.qcow2"),
  });
  const checks = await check(vm);
  assertRefuses(checks, "disk-images", "over.qcow2", "hdb.raw");
});

Deno.test("a job that was not dismissed is only a warning", async () => {
  await using vm = await start(["from", "to"].flatMap((name) => [
    ...["-blockdev", `null-co,node-name=${name},size=65536`],
  ]));
  await vm.command("blockdev-backup", {
    ...{ "job-id": "backup", device: "from", target: "to", sync: "full" },
    "auto-dismiss": false,
  });
  await until("the job is concluded", PATIENCE_MS, async () => {
    const jobs = await vm.command("query-jobs") as { status: string }[];
    return jobs[0]?.status === "concluded";
  });
  const checks = await check(vm);
  assertWarns(checks, "concluded-jobs", `"backup" (backup, without an error)`);
  assertNothingElse(checks, "concluded-jobs");
});

Deno.test("a mirror is refused while it runs, and carried over after the pivot", async () => {
  await using images = new Images();
  const data = await images.make("data.raw");
  await using vm = await start([
    ...[
      "-drive",
      `if=none,id=data,format=raw,file=${data}`,
      "-device",
      "virtio-blk-pci,drive=data",
    ],
  ]);
  await vm.command("drive-mirror", {
    "job-id": "copy",
    device: "data",
    target: images.path("mirror.raw"),
    format: "raw",
    sync: "full",
  });
  const jobs = () => vm.command("query-jobs") as Promise<{ status: string }[]>;
  await until(
    "the mirror is ready",
    PATIENCE_MS,
    async () => (await jobs())[0]?.status === "ready",
  );
  assertRefuses(await check(vm), "block-jobs", `"copy"`, "mirror", "ready");
  await vm.command("job-complete", { id: "copy" });
  await until(
    "the mirror is the disk",
    PATIENCE_MS,
    async () => (await jobs()).length === 0,
  );
  const checks = await check(vm);
  assertCarries(checks, "1 by arguments");
  assertNothingElse(checks);
});

Deno.test("an ejected, inserted or changed medium is carried over", async () => {
  await using images = new Images();
  const [full, changed, other] = [
    await images.make("full.raw"),
    await images.make("changed.raw"),
    await images.make("other.raw"),
  ];
  await using vm = await start([
    ...["-device", "virtio-scsi-pci"],
    ...[
      "-drive",
      `if=none,id=cd1,media=cdrom,format=raw,file=${full}`,
      "-device",
      "scsi-cd,id=tray1,drive=cd1",
    ],
    ...[
      "-drive",
      `if=none,id=cd2,media=cdrom,format=raw,file=${changed}`,
      "-device",
      "scsi-cd,id=tray2,drive=cd2",
    ],
    ...[
      "-drive",
      "if=none,id=cd3,media=cdrom",
      "-device",
      "scsi-cd,id=tray3,drive=cd3",
    ],
    ...["-device", "scsi-cd,id=tray4"],
  ]);
  await vm.command("eject", { id: "tray1", force: true });
  for (const id of ["tray2", "tray3", "tray4"]) {
    await vm.command("blockdev-change-medium", {
      id,
      filename: other,
      format: "raw",
      "read-only-mode": "read-only",
    });
  }
  const checks = await check(vm);
  assertCarries(checks, "5 by arguments");
  assertNothingElse(checks);
});

Deno.test("two swapped media are carried over", async () => {
  await using images = new Images();
  const [a, b] = [await images.make("a.raw"), await images.make("b.raw")];
  await using vm = await start([
    ...["-device", "virtio-scsi-pci"],
    ...[
      "-drive",
      `if=none,id=cd1,media=cdrom,format=raw,file=${a}`,
      "-device",
      "scsi-cd,id=tray1,drive=cd1",
    ],
    ...[
      "-drive",
      `if=none,id=cd2,media=cdrom,format=raw,file=${b}`,
      "-device",
      "scsi-cd,id=tray2,drive=cd2",
    ],
  ]);
  await vm.command("blockdev-change-medium", { id: "tray1", filename: b });
  await vm.command("blockdev-change-medium", { id: "tray2", filename: a });
  const checks = await check(vm);
  assertCarries(checks, "2 by arguments");
  assertNothingElse(checks);
});

Deno.test("exports and bitmaps that were added are found, nodes and limits carried over", async () => {
  await using images = new Images();
  const [data, disk] = [
    await images.make("data.raw"),
    await images.make("disk.raw"),
  ];
  await using vm = await start([
    ...[
      "-drive",
      `if=none,id=data,format=raw,file=${data},throttling.iops-total=100`,
      "-device",
      "virtio-blk-pci,drive=data",
    ],
    ...[
      "-blockdev",
      `driver=raw,node-name=store,file.driver=file,file.filename=${disk}`,
    ],
    ...["-device", "virtio-blk-pci,id=vd,drive=store"],
  ]);
  await vm.command("blockdev-add", {
    driver: "null-co",
    "node-name": "extra",
    size: 1048576,
  });
  await vm.command("block-dirty-bitmap-add", {
    node: "store",
    name: "since-monday",
  });
  await vm.command("block-dirty-bitmap-add", { node: "extra", name: "unused" });
  await vm.command("nbd-server-start", {
    addr: { type: "unix", data: { path: images.path("nbd.sock") } },
  });
  await vm.command("block-export-add", {
    id: "export1",
    type: "nbd",
    "node-name": "store",
  });
  await vm.command("block_set_io_throttle", {
    device: "data",
    bps: 1000000,
    bps_rd: 0,
    bps_wr: 0,
    iops: 100,
    iops_rd: 0,
    iops_wr: 0,
  });
  const checks = await check(vm);
  assertWarns(checks, "carried-over", `discard= of block node "extra"`);
  assertRefuses(checks, "block-exports", `"export1"`);
  assertRefuses(checks, "dirty-bitmaps", `"since-monday" of "store"`);
  assertRefuses(checks, "dirty-bitmaps", `"unused" of "extra"`);
  assertNothingElse(
    checks,
    "carried-over",
    "block-exports",
    "dirty-bitmaps",
  );
});

Deno.test("an image that was replaced or deleted is refused", async () => {
  await using images = new Images();
  const [a, b] = [await images.make("a.raw"), await images.make("b.raw")];
  await using vm = await start([
    ...[
      "-drive",
      `if=none,id=a,format=raw,file=${a}`,
      "-device",
      "virtio-blk-pci,drive=a",
    ],
    ...[
      "-drive",
      `if=none,id=b,format=raw,file=${b}`,
      "-device",
      "virtio-blk-pci,drive=b",
    ],
  ]);
  await Deno.rename(a, images.path("moved.raw"));
  await Deno.copyFile(images.path("moved.raw"), a);
  await Deno.remove(b);
  const checks = await check(vm);
  assertRefuses(
    checks,
    "disk-files",
    `"${a}" is another file`,
    `"${b}" no longer exists`,
  );
  assertNothingElse(checks, "disk-files");
});

Deno.test("temporary snapshots are refused", async () => {
  await using images = new Images();
  const data = await images.make("data.qcow2");
  await using one = await start(["-snapshot"]);
  assertRefuses(await check(one), "arguments", "-snapshot");
  await using two = await start([
    ...[
      "-drive",
      `if=none,id=data,snapshot=on,file=${data}`,
      "-device",
      "virtio-blk-pci,drive=data",
    ],
  ]);
  const checks = await check(two);
  assertRefuses(checks, "arguments", "-snapshot");
});

Deno.test("a graph that was taken apart below a named node is refused", async () => {
  await using images = new Images();
  const [a, b] = [await images.make("a.qcow2"), await images.make("b.qcow2")];
  await using vm = await start([
    ...["-blockdev", `driver=file,node-name=file-a,filename=${a}`],
    ...["-blockdev", "driver=qcow2,node-name=base,file=file-a"],
    ...["-blockdev", `driver=file,node-name=file-b,filename=${b}`],
    ...["-blockdev", "driver=qcow2,node-name=top,file=file-b,backing=base"],
    ...["-device", "virtio-blk-pci,id=vd,drive=top"],
  ]);
  assertNothingElse(await check(vm));
  await vm.command("block-stream", { "job-id": "flatten", device: "top" });
  await until("the stream ends", PATIENCE_MS, async () => {
    const jobs = await vm.command("query-jobs");
    return Array.isArray(jobs) && jobs.length === 0;
  });
  const checks = await check(vm);
  assertRefuses(checks, "block-nodes", `"top"`, `"backing"`, `"base"`);
  assertNothingElse(checks, "block-nodes");
  assertEquals(await vm.runState(), "running");
});

Deno.test("an image that another process has locked, and the VM has not, is refused", async () => {
  await using images = new Images();
  const image = await images.make("a.raw");
  await using vm = await start([
    "-S",
    ...["-drive", `if=none,id=a,format=raw,file=${image}`],
    ...["-device", "virtio-blk-pci,drive=a"],
  ]);
  // A program that took a paused VM over locks nothing until it runs.
  await updateByHand(vm, builds.new);
  const back = () => preflightOf(vm, builds.old.binary);
  assertNothingElse(await back());
  await using thief = new Stranger([
    toolOf(builds.new, "qemu-io"),
    ...["-f", "raw", image],
  ]);
  await thief.ask("length");
  const checks = await back();
  assertRefuses(checks, "image-locks", image);
  assertNothingElse(checks, "image-locks");
});

Deno.test("a quorum, a throttle group and a read-only disk pass as they were", async () => {
  await using images = new Images();
  const [a, b, c, d] = await Promise.all(
    ["a.raw", "b.raw", "c.raw", "d.raw"].map((name) => images.make(name)),
  );
  const child = (at: number, path = "") =>
    `children.${at}.driver=file,children.${at}.filename=${path}`;
  await using vm = await start([
    ...[
      "-blockdev",
      `driver=quorum,node-name=q,vote-threshold=1,${child(0, a)},${
        child(1, b)
      }`,
    ],
    ...["-device", "virtio-blk-pci,drive=q"],
    ...["-object", "throttle-group,id=tg,x-bps-total=1000000"],
    ...[
      "-blockdev",
      `driver=throttle,node-name=slow,throttle-group=tg,file.driver=file,file.filename=${c}`,
    ],
    ...["-device", "virtio-blk-pci,drive=slow"],
    ...["-blockdev", `driver=file,node-name=store,filename=${d}`],
    ...["-blockdev", "driver=raw,node-name=ro,file=store,read-only=on"],
    ...["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=ro"],
  ]);
  assertNothingElse(await check(vm));

  await vm.command("x-blockdev-change", { parent: "q", child: "children.1" });
  await vm.command("qom-set", {
    path: "/objects/tg",
    property: "limits",
    value: { "bps-total": 5000 },
  });
  await vm.command("blockdev-reopen", {
    options: [
      { driver: "raw", "node-name": "ro", file: "store", "read-only": false },
    ],
  });
  const checks = await check(vm);
  assertRefuses(
    checks,
    "block-nodes",
    `Node "q" no longer has a "children.1"`,
  );
  assertCarries(checks, "2 by arguments");
  assertNothingElse(checks, "block-nodes");
});
