/**
 * Disks are on the images of the command line, the images still exist, and
 * nothing but the guest uses them.
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { JsonObject, QemuVersion } from "../../qmp/mod.ts";
import type { CommandLine } from "../command/command_line.ts";
import { type FileLock, forEachLock, lockedAs } from "../../proc/locks.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import { concludedJobs, unfinishedJobs } from "../vm/block_jobs.ts";
import { objectsIn, text } from "../vm/reply.ts";
import {
  type BlockDevice,
  blockDeviceName,
  blockDevices,
  blockNodes,
  DESCRIPTORS,
  fileUnder,
  isUrl,
} from "../vm/block_devices.ts";
import { problemCheck, quoted } from "./check.ts";
import type { Inventory } from "../vm/inventory.ts";

/**
 * Every drive is on the image that the command line names, not on an overlay, a
 * mirror or another medium: the new program would open the old image, without
 * the guest's newest writes.
 */
export const diskImages = problemCheck({
  id: "disk-images",
  ok: "every drive is on the image that its command line names",
  remedy: "Bring the VM back onto its named images (block-commit, " +
    "drive-mirror, blockdev-change-medium) or restart it with the current ones",
  async find({ inventory, running }) {
    const drives = (await blockDevices(inventory))
      .filter(({ drive }) => drive !== undefined);
    return changedDrives(namedDrives(running), drives);
  },
});

/** A drive as the command line names it. */
interface NamedDrive {
  readonly id: string | undefined;
  /** "none" is an empty drive; "remote" and "unknown" are no single file. */
  readonly image: { readonly file: string } | "none" | "remote" | "unknown";
}

/** Options whose whole value is the name of an image. */
const IMAGE_OPTIONS = [
  ...["hda", "hdb", "hdc", "hdd", "cdrom", "fda", "fdb"],
  ...["mtdblock", "pflash", "sd"],
];

function namedDrives(commandLine: CommandLine): NamedDrive[] {
  return [
    ...commandLine.values("drive").map((drive) => ({
      id: drive.get("id"),
      image: imageOfDrive(drive),
    })),
    ...commandLine.texts(...IMAGE_OPTIONS).map((name) => ({
      id: undefined,
      image: imageNamed(name),
    })),
  ];
}

function imageOfDrive(drive: OptionValue): NamedDrive["image"] {
  // A temporary overlay is refused by the check "arguments".
  if (drive.boolean("snapshot") === true) return "unknown";
  const key = drive.entries
    .findLast(({ key }) => /^(file\.)*filename$|^file$/.test(key))?.key;
  if (key !== undefined) return imageNamed(drive.get(key) ?? "");
  const isNested = drive.entries.some(({ key }) => key.startsWith("file."));
  return isNested || drive.has("driver") ? "unknown" : "none";
}

function imageNamed(name: string): NamedDrive["image"] {
  if (name === "") return "none";
  const file = fileUnder(name);
  if (file === undefined) return "unknown";
  return isUrl(file) ? "remote" : { file };
}

function* changedDrives(
  named: readonly NamedDrive[],
  drives: readonly BlockDevice[],
): Iterable<string> {
  const rest = new Map(drives.map((drive) => [drive.drive, drive]));
  for (const { id, image } of named) {
    if (id === undefined) continue;
    const drive = rest.get(id);
    rest.delete(id);
    if (drive === undefined) yield `Drive ${quoted(id)} was removed`;
    else if (!isOnImage(drive, image)) {
      const isNamed = typeof image === "object";
      yield changeOfDrive(drive, isNamed ? quoted(image.file) : "no image");
    }
  }
  const anonymous = named.filter(({ id }) => id === undefined);
  yield* changedByFile(anonymous, [...rest.values()]);
}

function isOnImage(
  { medium }: BlockDevice,
  image: NamedDrive["image"],
): boolean {
  if (image === "unknown") return true;
  if (image === "none") return medium === undefined;
  if (image === "remote") {
    return medium !== undefined && isUrl(medium.file ?? ":");
  }
  return medium !== undefined && medium.file === image.file;
}

/** QEMU generated the names of these drives, so their files are compared. */
function changedByFile(
  named: readonly NamedDrive[],
  drives: readonly BlockDevice[],
): string[] {
  // Such a drive cannot be told from one that was changed.
  if (named.some(({ image }) => image === "unknown" || image === "remote")) {
    return [];
  }
  const rest = drives.filter(({ medium }) => medium !== undefined);
  const missing: string[] = [];
  for (const { image } of named) {
    if (typeof image === "string") continue;
    const at = rest.findIndex(({ medium }) => medium?.file === image.file);
    if (at < 0) missing.push(image.file);
    else rest.splice(at, 1);
  }
  return [
    ...rest.map((drive) => changeOfDrive(drive, "another image or none")),
    ...missing.map((file) =>
      `No drive is on ${quoted(file)}, which the command line names`
    ),
  ];
}

function changeOfDrive(drive: BlockDevice, wanted: string): string {
  const { medium } = drive;
  const is = medium === undefined
    ? "is empty"
    : `is on ${quoted(medium.file ?? medium.node)}`;
  return `Drive ${quoted(blockDeviceName(drive))} ${is}, but the command ` +
    `line names ${wanted}`;
}

/**
 * The files, without duplicates, that block nodes with these drivers are on.
 */
async function imageNames(
  inventory: Inventory,
  drivers: readonly string[],
  { writable = false } = {},
): Promise<Set<string>> {
  const names = (await blockNodes(inventory))
    .filter((node) => drivers.includes(text(node["drv"]) ?? ""))
    .filter((node) => !writable || node["ro"] !== true)
    .flatMap((node) => fileUnder(text(node["file"]) ?? "") ?? [])
    .filter((name) => !name.startsWith(DESCRIPTORS));
  return new Set(names);
}

/** Drivers of nodes that are a file or a block device of the host. */
const ON_FILES = ["file", "host_device", "host_cdrom"];

/**
 * Images still have their names: the new program opens them by name. If a file
 * was renamed, deleted or replaced, it would find no disk or another one.
 */
export const diskFiles = problemCheck({
  id: "disk-files",
  ok: "every image is found by its name",
  remedy: "Rename the file that the VM uses back to its old path",
  async *find({ inventory, files }) {
    for (const name of await imageNames(inventory, ON_FILES)) {
      const file = await files.stat(name);
      const image = `Image ${quoted(name)}`;
      if (file === undefined) yield `${image} no longer exists`;
      else if (!await files.hasOpen(file)) {
        yield `${image} is another file than the one that the VM uses`;
      }
    }
  },
});

/** /proc/locks may show a lock twice by chance; a foreign lock stays. */
const LOOKS = 3;

/**
 * No other process has locked an image that the VM writes to. A paused VM may
 * have no lock itself, and the new program would not get one.
 */
export const imageLocks = problemCheck({
  id: "image-locks",
  ok: "no other process has locked an image",
  remedy: "End the process that uses the image; lsof shows which one it is",
  async find({ facts: { pid }, inventory, files }) {
    const images = new Map<string, string>();
    const names = await imageNames(inventory, ["file"], { writable: true });
    for (const name of names) {
      const file = await files.stat(name);
      if (file !== undefined) images.set(lockedAs(file), name);
    }
    let foreign = await foreignLocks(images, pid);
    for (let look = 1; look < LOOKS && foreign.size > 0; look++) {
      foreign = foreign.intersection(await foreignLocks(images, pid));
    }
    return [...foreign].map((name) =>
      `Another process has locked ${quoted(name)}`
    );
  },
});

/**
 * The bytes that QEMU locks for "I write" and for "nobody else may write". Each
 * permission has a byte from 100 on, and each permission that is denied to
 * others has one from 200 on (block/file-posix.c).
 */
const WRITE_BYTES = [101, 201];

/**
 * The names of images that another process has locked at this moment.
 *
 * @param images their names, by the file as a lock identifies it
 */
async function foreignLocks(
  images: ReadonlyMap<string, string>,
  pid: number,
): Promise<Set<string>> {
  const own = (await new ProcessFiles(pid).locks()).map(lockKey);
  const foreign = new Set<string>();
  await forEachLock((lock) => {
    const name = images.get(lock.file);
    if (name === undefined) return;
    const at = own.indexOf(lockKey(lock));
    if (at >= 0) own.splice(at, 1);
    else if (WRITE_BYTES.some((it) => lock.first <= it && it <= lock.last)) {
      foreign.add(name);
    }
  });
  return foreign;
}

function lockKey(lock: FileLock): string {
  return `${lock.file} ${lock.first} ${lock.last}`;
}

/** No job works on the disks: an exec drops it silently. */
export const blockJobs = problemCheck({
  id: "block-jobs",
  ok: "no block job runs",
  detail: "Block jobs run",
  remedy:
    "Wait for them (--wait-jobs), or complete or cancel them (job-complete, " +
    "job-cancel)",
  async find({ inventory }) {
    return unfinishedJobs(await inventory.list("query-jobs"))
      .map(({ id, type, status }) =>
        `${quoted(id)} (${text(type)}, ${text(status)})`
      );
  },
});

/** The result of a job that was not dismissed is only in memory. */
export const concludedBlockJobs = problemCheck({
  id: "concluded-jobs",
  verdict: "warn",
  ok: "no finished job waits to be dismissed",
  detail: "Jobs have finished, and an update forgets their results",
  remedy: "Look at them first (query-jobs), and dismiss them (job-dismiss)",
  async find({ inventory }) {
    return concludedJobs(await inventory.list("query-jobs"))
      .map(({ id, type, error }) =>
        `${quoted(id)} (${text(type)}, ${text(error) ?? "without an error"})`
      );
  },
});

/** No disk is exported over NBD or vhost-user. */
export const blockExports = problemCheck({
  id: "block-exports",
  ok: "no disk is exported",
  detail: "Disks are exported",
  remedy: "End the exports (block-export-del) and make them again afterwards",
  find: async ({ inventory }) =>
    (await inventory.list("query-block-exports")).map(({ id }) => quoted(id)),
});

/**
 * The blocks written since the last backup are still known after the update.
 */
export const dirtyBitmaps = problemCheck({
  id: "dirty-bitmaps",
  ok: "no dirty bitmap is lost",
  detail: "Dirty bitmaps would be lost",
  remedy:
    "Remove them (block-dirty-bitmap-remove); the next backup has to be " +
    "a full one",
  async find({ facts, inventory }) {
    const nodes = await blockNodes(inventory);
    const used = await namesBelowDevices(nodes, inventory);
    const isStored = (node: JsonObject) =>
      used.has(text(node["node-name"]) ?? "") || storesUnused(facts.version);
    return nodes.flatMap((node) =>
      objectsIn(node["dirty-bitmaps"])
        .filter(({ persistent }) => persistent !== true || !isStored(node))
        // A job's own bitmap has no name and ends with the job.
        .filter(({ name }) => text(name))
        .map(({ name, persistent }) =>
          `${quoted(name)} of ${quoted(node["node-name"])} (${
            persistent === true
              ? "QEMU before 11.1.3 may not store those of a node that no " +
                "device uses"
              : "only in memory"
          })`
        )
    );
  },
});

/** Whether a migration stores the bitmaps of nodes that no device uses. */
function storesUnused({ major, minor, micro }: QemuVersion): boolean {
  const [has, since] = [[major, minor, micro], [11, 1, 3]];
  const at = has.findIndex((number, index) => number !== since[index]);
  return at < 0 || (has[at] ?? 0) > (since[at] ?? 0);
}

/** Names of the nodes that are in drives and devices, and of those below. */
async function namesBelowDevices(
  nodes: readonly JsonObject[],
  inventory: Inventory,
): Promise<ReadonlySet<string>> {
  const below = new Map(
    nodes.map((node) => [
      text(node["node-name"]),
      objectsIn(node["children"]).map((it) => text(it["node-name"]) ?? ""),
    ]),
  );
  const roots = (await blockDevices(inventory))
    .flatMap(({ medium }) => medium?.node ?? []);
  const names = new Set(roots);
  // Grows while it is read.
  for (const name of names) {
    for (const child of below.get(name) ?? []) names.add(child);
  }
  return names;
}
