import type { CommandLine } from "../../command/command_line.ts";
import { quoted } from "../wording.ts";
import { type BlockDevice, nameOf } from "./block_devices.ts";

/** The nodes that a command line gives to devices. */
interface Attachments {
  /** By the device's id. */
  readonly byDevice: ReadonlyMap<string, string>;
  /** Of devices without an id; those that are found are taken out. */
  readonly others: string[];
}

/**
 * Devices that are on another node than the command line says.
 *
 * @param nodes the names of its nodes
 */
export function movedDevices(
  commandLine: CommandLine,
  nodes: ReadonlySet<string>,
  devices: readonly BlockDevice[],
): string[] {
  const attachments = attachmentsOf(commandLine, nodes);
  const drives = new Set(commandLine.all("drive", "id"));
  return devices
    // A drive and its image are told by disk-images.
    .filter(({ drive, device = "" }) =>
      drive === undefined && !drives.has(device)
    )
    .filter((device) => !isInPlace(device, attachments))
    .map((device) => difference(device, attachments));
}

function attachmentsOf(
  commandLine: CommandLine,
  nodes: ReadonlySet<string>,
): Attachments {
  const byDevice = new Map<string, string>();
  const others: string[] = [];
  for (const device of commandLine.values("device", "machine", "global")) {
    const id = device.get("id");
    for (const { key, value } of device.entries) {
      if (!nodes.has(value) || !isDriveProperty(key)) continue;
      if (id === undefined) others.push(value);
      else byDevice.set(id, value);
    }
  }
  return { byDevice, others };
}

/** Such as "drive" of a disk, "driveA" of a floppy, "pflash0" of a machine. */
function isDriveProperty(key: string): boolean {
  return /^(drive[AB]?|pflash\d)$/.test(key.split(".").at(-1) ?? "");
}

function isInPlace(
  { device = "", medium }: BlockDevice,
  { byDevice, others }: Attachments,
): boolean {
  const named = byDevice.get(device);
  if (named !== undefined) return medium?.node === named;
  if (medium === undefined) return true;
  const at = others.indexOf(medium.node);
  if (at < 0) return false;
  others.splice(at, 1);
  return true;
}

function difference(it: BlockDevice, { byDevice }: Attachments): string {
  const { device = "", medium } = it;
  const named = byDevice.get(device);
  const is = medium === undefined
    ? "empty"
    : `on node ${quoted(medium.node)} (${quoted(medium.file ?? "no file")})`;
  const was = named === undefined
    ? "another node or none"
    : `node ${quoted(named)}`;
  return `Device ${quoted(nameOf(it))} is ${is}, but the command line names ` +
    was;
}
