import { isObject, type JsonObject } from "../../../qmp/mod.ts";
import { text } from "../../vm/reply.ts";
import type { Inventory } from "../inventory.ts";
import { fileUnder } from "./image_name.ts";

/** A disk or drive as the monitor shows it. */
export interface BlockDevice {
  /** Of its -drive; undefined where a -blockdev is attached. */
  readonly drive: string | undefined;
  /** Id of the device in front of it, or its path where it has none. */
  readonly device: string | undefined;
  /** Undefined where no medium is inserted. */
  readonly medium: Medium | undefined;
}

/** What is in a drive. */
export interface Medium {
  readonly node: string;
  /** Undefined where no single file holds it. */
  readonly file: string | undefined;
  /** As the monitor gives it, with limits and dirty bitmaps. */
  readonly inserted: JsonObject;
}

/** Every disk and drive of the VM. */
export async function blockDevices(
  inventory: Inventory,
): Promise<BlockDevice[]> {
  return (await inventory.list("query-block")).map((entry) => ({
    drive: text(entry["device"]) || undefined,
    device: deviceOf(text(entry["qdev"])),
    medium: mediumOf(entry),
  }));
}

/** What a person calls it. */
export function nameOf({ drive, device, medium }: BlockDevice): string {
  return drive ?? device ?? medium?.node ?? "";
}

/** Out of "vd0", "/machine/peripheral/vd0/virtio-backend" and the like. */
function deviceOf(qdev: string | undefined): string | undefined {
  return /^\/machine\/peripheral\/([^/]+)/.exec(qdev ?? "")?.[1] ?? qdev;
}

function mediumOf({ inserted }: JsonObject): Medium | undefined {
  if (!isObject(inserted)) return undefined;
  return {
    node: text(inserted["node-name"]) ?? "",
    file: fileUnder(text(inserted["file"]) ?? ""),
    inserted,
  };
}
