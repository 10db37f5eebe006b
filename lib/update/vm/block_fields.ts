/**
 * The fields of drives and block nodes that an administrator can change at run
 * time. What is stored in an image is left out: the new program reads it as
 * well.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import { asArray, asObject } from "./reply.ts";

/** The I/O limits that belong to the drive, not to its node. */
const LIMIT = /^(bps|iops)(_|$)|^group$/;

/** The other members of `inserted` that belong to the drive. */
const OF_DRIVE = ["node-name", "file"];

/** Changed by the guest (a crossed threshold is cleared), or by the stop. */
const VOLATILE = new Set(["active", "write_threshold"]);

/**
 * Of an element of query-block. It includes the virtual size, but not the size
 * of the file, which may grow as the guest writes.
 */
export function comparedOfDrive(drive: JsonObject): Json {
  const { inserted } = drive;
  return {
    "medium": isObject(inserted),
    ...isObject(inserted) ? comparedOfMedium(inserted) : {},
  };
}

function comparedOfMedium(inserted: JsonObject): JsonObject {
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
export function comparedOfNode(node: JsonObject): Json {
  const scalars = Object.entries(node).filter(([key, value]) =>
    !VOLATILE.has(key) && !Array.isArray(value) && !isObject(value)
  );
  // The guest negotiates `writeback`.
  const { direct, "no-flush": noFlush } = asObject(node["cache"] ?? null);
  return {
    ...Object.fromEntries(scalars),
    "cache": { "direct": direct ?? null, "no-flush": noFlush ?? null },
    "children": asArray(node["children"]),
    // Bitmaps without a name belong to a job.
    "dirty-bitmaps": asArray(node["dirty-bitmaps"]).filter(isObject)
      .filter(({ name }) => name !== undefined && name !== "")
      .map(comparedOfBitmap),
  };
}

/** Without its count, and without whether it is in use. */
function comparedOfBitmap({ name, granularity, persistent }: JsonObject): Json {
  return {
    "name": name ?? null,
    "granularity": granularity ?? null,
    "persistent": persistent ?? null,
  };
}
