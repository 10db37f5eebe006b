/**
 * Disks and drives, and the names of their image files, as a command line and
 * the monitor write them:
 *
 * ```
 *   /a.img    file:/a.img    json:{"driver": "raw", "file": {"filename": "/a.img"}}
 * ```
 *
 * The monitor writes JSON if there is an option that a name cannot express.
 *
 * @module
 */

import {
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../../qmp/mod.ts";
import { text } from "./reply.ts";
import type { Inventory } from "./inventory.ts";

/** A disk or drive, as the monitor reports it. */
export interface BlockDevice {
  /** Of its -drive; undefined if a -blockdev is attached. */
  readonly drive: string | undefined;
  /** Id of the device in front of it, or its path if it has none. */
  readonly device: string | undefined;
  /** What commands call that device; undefined if there is none. */
  readonly qdev: string | undefined;
  /** Undefined if no medium is inserted. */
  readonly medium: Medium | undefined;
}

/** What is in a drive. */
export interface Medium {
  readonly node: string;
  /** Undefined if it is not in a single file. */
  readonly file: string | undefined;
  /** The monitor's answer, with limits and dirty bitmaps. */
  readonly inserted: JsonObject;
}

/**
 * Begins the name that the command line gives to a node whose name QEMU made
 * up: a device can only refer to a node by name.
 */
export const GIVEN_NODE = "cprctl-node-";

/** Begins the names of descriptors that clients gave to the VM. */
export const DESCRIPTORS = "/dev/fdset/";

/** Every disk and drive of the VM. */
export async function blockDevices(
  inventory: Inventory,
): Promise<BlockDevice[]> {
  return (await inventory.list("query-block")).map((entry) => ({
    drive: text(entry["device"]) || undefined,
    device: deviceIn(text(entry["qdev"])),
    qdev: text(entry["qdev"]) || undefined,
    medium: mediumIn(entry),
  }));
}

/** Its name in messages. */
export function blockDeviceName(
  { drive, device, medium }: BlockDevice,
): string {
  return drive ?? device ?? medium?.node ?? "";
}

/** The id in "vd0", "/machine/peripheral/vd0/virtio-backend" and the like. */
function deviceIn(qdev: string | undefined): string | undefined {
  return /^\/machine\/peripheral\/([^/]+)/.exec(qdev ?? "")?.[1] ?? qdev;
}

function mediumIn({ inserted }: JsonObject): Medium | undefined {
  if (!isObject(inserted)) return undefined;
  return {
    node: text(inserted["node-name"]) ?? "",
    file: fileUnder(text(inserted["file"]) ?? ""),
    inserted,
  };
}

/** Every block node, as the monitor reports it. */
export function blockNodes(inventory: Inventory): Promise<JsonObject[]> {
  return inventory.list("query-named-block-nodes", { flat: true });
}

/** More than the number of filters and formats in any real stack. */
const MAX_DEPTH = 32;

/** The file under all formats and filters; undefined if there is none. */
export function fileUnder(name: string): string | undefined {
  if (!name.startsWith("json:")) return name.replace(/^file:/, "");
  let node: Json | undefined;
  try {
    node = parseJson(name.slice("json:".length));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // QEMU truncated it
    throw error;
  }
  for (let depth = 0; depth < MAX_DEPTH && isObject(node); depth++) {
    const { filename } = node;
    if (typeof filename === "string") return fileUnder(filename);
    node = node["file"];
  }
  return undefined;
}

/**
 * Whether a name has a protocol such as nbd: QEMU may report it in another form
 * than the command line has.
 */
export function isUrl(name: string): boolean {
  return /^[^/:]+:/.test(name);
}
