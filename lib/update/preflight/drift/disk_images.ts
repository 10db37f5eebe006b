import type { OptionValue } from "../../../cmdline/mod.ts";
import type { CommandLine } from "../../command/command_line.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { type BlockDevice, blockDevices, nameOf } from "./block_devices.ts";
import { fileUnder, isUrl } from "./image_name.ts";

/** Options whose whole value is the name of an image. */
const IMAGE_OPTIONS = [
  ...["hda", "hdb", "hdc", "hdd", "cdrom", "fda", "fdb"],
  ...["mtdblock", "pflash", "sd"],
];

/** A drive as the command line names it. */
interface NamedDrive {
  readonly id: string | undefined;
  /** "none" is an empty drive; "remote" and "unknown" are no single file. */
  readonly image: { readonly file: string } | "none" | "remote" | "unknown";
}

/**
 * Every drive is on the image that its command line names. An overlay that
 * was put on top, a mirror that became the disk, and another medium are not:
 * the new program would open the old image, and the guest's newest writes
 * would be gone.
 */
export const diskImages: PreflightCheck = {
  id: "disk-images",
  async run({ inventory, running }) {
    const drives = (await blockDevices(inventory))
      .filter(({ drive }) => drive !== undefined);
    const differences = compare(namedDrives(running), drives);
    return differences.length === 0
      ? ok("every drive is on the image that its command line names")
      : refuse(
        joined(differences),
        "Bring the VM back onto its named images (block-commit, drive-mirror, " +
          "blockdev-change-medium) or restart it with the present ones",
      );
  },
};

function compare(
  named: readonly NamedDrive[],
  drives: readonly BlockDevice[],
): string[] {
  const differences: string[] = [];
  const rest = new Map(drives.map((drive) => [drive.drive, drive]));
  const anonymous: NamedDrive[] = [];
  for (const it of named) {
    if (it.id === undefined) {
      anonymous.push(it);
      continue;
    }
    const drive = rest.get(it.id);
    rest.delete(it.id);
    if (drive === undefined) {
      differences.push(`Drive ${quoted(it.id)} was removed`);
    } else if (!isOn(it, drive)) {
      differences.push(difference(drive, it));
    }
  }
  return [...differences, ...compareByFile(anonymous, [...rest.values()])];
}

/** Drives without an id have names that QEMU made up. */
function compareByFile(
  named: readonly NamedDrive[],
  drives: readonly BlockDevice[],
): string[] {
  const rest = drives.filter(({ medium }) => medium !== undefined);
  const missing: string[] = [];
  for (const { image } of named) {
    if (typeof image === "string") continue;
    const at = rest.findIndex(({ medium }) => medium?.file === image.file);
    if (at < 0) missing.push(image.file);
    else rest.splice(at, 1);
  }
  const isTold = (it: NamedDrive) =>
    it.image !== "unknown" && it.image !== "remote";
  if (!named.every(isTold)) return [];
  return [
    ...rest.map((drive) => difference(drive, undefined)),
    ...missing.map((file) =>
      `No drive is on ${quoted(file)}, which the command line names`
    ),
  ];
}

function isOn({ image }: NamedDrive, { medium }: BlockDevice): boolean {
  if (image === "unknown") return true;
  if (image === "none") return medium === undefined;
  if (image === "remote") {
    return medium !== undefined && isUrl(medium.file ?? ":");
  }
  return medium !== undefined && medium.file === image.file;
}

function difference(drive: BlockDevice, named: NamedDrive | undefined): string {
  const { medium } = drive;
  const is = medium === undefined
    ? "is empty"
    : `is on ${quoted(medium.file ?? medium.node)}`;
  const image = named?.image;
  const wanted = typeof image === "object" ? quoted(image.file) : "no image";
  return `Drive ${quoted(nameOf(drive))} ${is}, but the command line names ` +
    (named === undefined ? "another image or none" : wanted);
}

function namedDrives(commandLine: CommandLine): NamedDrive[] {
  return [
    ...commandLine.values("drive").map((drive): NamedDrive => ({
      id: drive.get("id"),
      image: imageOf(drive),
    })),
    ...commandLine.texts(...IMAGE_OPTIONS).map((name): NamedDrive => ({
      id: undefined,
      image: image(name),
    })),
  ];
}

function imageOf(drive: OptionValue): NamedDrive["image"] {
  // What is under a temporary overlay is refused as an argument.
  if (drive.boolean("snapshot") === true) return "unknown";
  const key = drive.entries
    .findLast(({ key }) => /^(file\.)*filename$|^file$/.test(key))?.key;
  if (key !== undefined) return image(drive.get(key) ?? "");
  const isNested = drive.entries.some(({ key }) => key.startsWith("file."));
  return isNested || drive.has("driver") ? "unknown" : "none";
}

function image(name: string): NamedDrive["image"] {
  if (name === "") return "none";
  const file = fileUnder(name);
  if (file === undefined) return "unknown";
  return isUrl(file) ? "remote" : { file };
}
