/** A guest that fills a disk, opens a tray, or takes its drivers out. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { JsonObject } from "../../../lib/qmp/mod.ts";
import { runProgram } from "../../../testing/program/run.ts";
import type { Action } from "../harness/action.ts";
import { ejectProgram } from "../harness/eject.ts";
import type { LinuxMachine } from "../harness/linux_machine.ts";
import { answers } from "./power.ts";

const FILLED_MS = 300_000;

/** Fills the disk's file system, but for room to boot; then lets it stop. */
const FULL = {
  drive: "werror=enospc",
  format: "qcow2",
} as const;

async function fill(vm: LinuxMachine): Promise<void> {
  // Until there is no room.
  const file = `of=${vm.diskFolder}/filling`;
  await runProgram(["dd", "if=/dev/zero", file, "bs=4096"]);
}

async function untilFull(vm: LinuxMachine): Promise<void> {
  await vm.eventOf("BLOCK_IO_ERROR", () => fill(vm));
}

async function goesOnWithRoom(vm: LinuxMachine): Promise<void> {
  await Deno.remove(`${vm.diskFolder}/filling`);
  await vm.command("cont");
  await writerGoesOn(vm);
}

/** Asserts that the writer writes, and reads nothing else than it wrote. */
async function writerGoesOn({ agent }: LinuxMachine): Promise<void> {
  const before = await agent.run("cat /run/written");
  await agent.run(
    `until [ "$(cat /run/written)" -gt $((${before} + 32)) ]; ` +
      "do usleep 50000; done",
    FILLED_MS,
  );
  assertEquals(await agent.run("cat /run/errors"), "");
}

const CDROM = {
  extra: [
    ...["-device", "ide-cd,id=cd,drive=cd"],
    ...["-drive", "if=none,id=cd,format=raw,readonly=on,file=cd.img"],
  ],
  prepare: async (folder: string) => {
    await Deno.writeFile(`${folder}/cd.img`, new Uint8Array(1 << 20).fill(7));
  },
};

async function tray(vm: LinuxMachine): Promise<boolean> {
  const drives = await vm.command("query-block") as JsonObject[];
  const cd = drives.find(({ device }) => device === "cd");
  return cd?.["tray_open"] === true;
}

/** In the order in which people read them. */
export const DISKS: readonly Action[] = [
  {
    name: "fills its disk",
    short: "prepare",
    machine: { ...FULL, smallDisk: true },
    act: untilFull,
    outcomes: ["updated"],
    runState: "io-error",
    after: goesOnWithRoom,
  },
  {
    name: "has filled its disk already",
    machine: { ...FULL, smallDisk: true },
    before: untilFull,
    act: () => Promise.resolve(),
    outcomes: ["updated"],
    runState: "io-error",
    after: goesOnWithRoom,
  },
  {
    name: "writes to an image that grows",
    short: "migrate",
    machine: { format: "qcow2" },
    act: writerGoesOn,
    outcomes: ["updated"],
    runState: "running",
    after: writerGoesOn,
  },
  {
    name: "opens its CD tray",
    short: "preflight",
    machine: CDROM,
    before: async ({ agent }) => {
      const bytes = [...ejectProgram()].map((it) =>
        `\\${it.toString(8).padStart(3, "0")}`
      ).join("");
      await agent.run(`printf '${bytes}' >/bin/eject && chmod +x /bin/eject`);
    },
    act: ({ agent }) => agent.run("eject"),
    outcomes: ["updated"],
    runState: "running",
    after: async (vm) => {
      assert(await tray(vm), "The tray is closed");
      // Opening the device closes the tray.
      assertMatch(
        await vm.agent.run("head -c 2 /dev/sr0 | od -A n -t u1"),
        /^ *7 +7/,
      );
    },
  },
  {
    name: "loads its disk's driver anew",
    act: ({ agent }) =>
      agent.run(
        "touch /run/writer-stops; " +
          "until [ -e /run/writer-state ]; do usleep 50000; done; " +
          "umount /data && rmmod virtio_blk && insmod /modules/virtio_blk.ko " +
          "&& mount -t ext4 /dev/vda /data",
      ),
    outcomes: ["updated"],
    runState: "running",
    after: async ({ agent }) => {
      await agent.run("dd if=/dev/urandom of=/data/x bs=65536 count=16; sync");
      assertEquals(await agent.run("cat /run/errors"), "");
    },
  },
  {
    name: "loads its SCSI driver anew",
    machine: {
      extra: [
        ...["-device", "virtio-scsi-pci,id=scsi"],
        ...["-drive", "if=none,id=sd,format=raw,file=sd.img"],
        ...["-device", "scsi-hd,drive=sd,bus=scsi.0"],
      ],
      prepare: (folder) =>
        Deno.writeFile(`${folder}/sd.img`, new Uint8Array(1 << 20)),
    },
    act: ({ agent }) =>
      agent.run("rmmod virtio_scsi && insmod /modules/virtio_scsi.ko"),
    outcomes: ["updated"],
    runState: "running",
    after: async (vm) => {
      await vm.agent.run(
        "until [ -b /dev/sda ]; do usleep 50000; done; " +
          "dd if=/dev/zero of=/dev/sda bs=65536 count=16 conv=fsync",
      );
      await answers(vm);
    },
  },
];
