/**
 * Of what a monitor tells of drives and block nodes, what an administrator
 * changes and a new program would not find by itself. What an image says of
 * itself it says to the new program as well.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import { asArray, asObject } from "./reply.ts";

/** Limits of a drive, which are its own and not its node's. */
const LIMIT = /^(bps|iops)(_|$)|^group$/;

/** What of `inserted` is the drive's; its node tells the rest. */
const OF_DRIVE = ["node-name", "file"];

/** Set by the guest (a crossed threshold is cleared), or by the stop. */
const NOT_LASTING = new Set(["active", "write_threshold"]);

/**
 * Of an element of query-block. The length of what the guest sees is in it: a
 * file below may grow as the guest writes, and is left out with its node.
 */
export function lastingOfDrive(drive: JsonObject): Json {
  const { inserted } = drive;
  return {
    "medium": isObject(inserted),
    ...isObject(inserted) ? lastingOfMedium(inserted) : {},
  };
}

function lastingOfMedium(inserted: JsonObject): JsonObject {
  const size = asObject(inserted["image"] ?? null)["virtual-size"];
  return {
    ...Object.fromEntries(
      Object.entries(inserted).filter(([key]) =>
        OF_DRIVE.includes(key) || LIMIT.test(key)
      ),
    ),
    ...size === undefined ? {} : { "virtual-size": size },
  };
}

/** Of an element of query-named-block-nodes. */
export function lastingOfNode(node: JsonObject): Json {
  const scalars = Object.entries(node).filter(([key, value]) =>
    !NOT_LASTING.has(key) && !Array.isArray(value) && !isObject(value)
  );
  // The guest negotiates `writeback`.
  const { direct, "no-flush": noFlush } = asObject(node["cache"] ?? null);
  return {
    ...Object.fromEntries(scalars),
    "cache": { "direct": direct ?? null, "no-flush": noFlush ?? null },
    "children": asArray(node["children"]),
    // Those without a name are a job's own.
    "dirty-bitmaps": asArray(node["dirty-bitmaps"]).filter(isObject)
      .filter(({ name }) => name !== undefined && name !== "")
      .map(lastingOfBitmap),
  };
}

/** Without what it counted, and whether somebody reads it. */
function lastingOfBitmap({ name, granularity, persistent }: JsonObject): Json {
  return {
    "name": name ?? null,
    "granularity": granularity ?? null,
    "persistent": persistent ?? null,
  };
}
