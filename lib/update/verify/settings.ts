/**
 * The settings of a VM that an administrator can change while it runs. They are
 * compared between the checks and the stop, when another client may have used
 * the monitor.
 *
 * What the guest itself changes is left out: the size of images that it writes
 * to, caching that it negotiates, trays, write thresholds, full disks. So is
 * what is stored in an image: the new program reads it as well.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import { OWN_SET } from "../vm/left_open.ts";
import { asArray, asObject, objectsIn, text } from "../vm/reply.ts";
import { lastingText } from "./lasting.ts";
import { backEnds } from "./machine.ts";
import type { QueryName } from "./queries.ts";
import { objectsOf, type View } from "./view.ts";

/** Objects such as backends, secrets and I/O threads. */
export const objects: View = childrenAs("Object", "objects");

/** Character devices with their kinds of back end. */
export const chardevs: View = childrenAs("Character device", "chardevs");

/** What an administrator can change. */
export const SETTINGS: readonly View[] = [
  list("Drive", "drives", ["device", "qdev"], comparedOfDrive),
  list("Block node", "nodes", ["node-name"], comparedOfNode),
  // A job's progress and status change by themselves.
  list("Job", "jobs", ["id"], only("type")),
  backEnds,
  {
    kind: "Descriptor set",
    from: ["descriptorSets"],
    of: ({ descriptorSets }) =>
      objectsOf(
        objectsIn(descriptorSets)
          .filter((set) => set["fdset-id"] !== OWN_SET)
          .map((set) => [String(set["fdset-id"]), objectsIn(set["fds"])]),
      ),
  },
  list("Export", "exports", ["id"], only("type", "node-name")),
  // Hot-plugged vCPUs and memory are devices as well.
  childrenAs("Device", "devices"),
  childrenAs("Device", "unnamedDevices"),
  ...[objects, chardevs],
];

/** The children of an object, each with its type. */
function childrenAs(kind: string, query: QueryName): View {
  return list(kind, query, ["name"], only("type"), lastingText);
}

/**
 * The elements of a reply.
 *
 * @param names the members that may name one: the first that is present
 */
function list(
  kind: string,
  query: QueryName,
  names: readonly string[],
  compared: (element: JsonObject) => Json,
  rename = (name: string) => name,
): View {
  return {
    kind,
    from: [query],
    of: (replies) =>
      objectsOf(
        objectsIn(replies[query]).map((element) => [
          rename(names.map((name) => text(element[name])).find(Boolean) ?? ""),
          compared(element),
        ]),
      ),
  };
}

function only(...members: string[]): (element: JsonObject) => Json {
  return (element) =>
    Object.fromEntries(members.map((name) => [name, element[name] ?? null]));
}

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
export function comparedOfDrive(drive: JsonObject): JsonObject {
  const { inserted } = drive;
  return {
    "medium": isObject(inserted),
    ...isObject(inserted) ? comparedOfMedium(inserted) : {},
  };
}

function comparedOfMedium(inserted: JsonObject): JsonObject {
  const size = asObject(inserted["image"])["virtual-size"];
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
export function comparedOfNode(node: JsonObject): JsonObject {
  const scalars = Object.entries(node).filter(([key, value]) =>
    !VOLATILE.has(key) && !Array.isArray(value) && !isObject(value)
  );
  // The guest negotiates `writeback`.
  const { direct, "no-flush": noFlush } = asObject(node["cache"]);
  return {
    ...Object.fromEntries(scalars),
    "cache": { "direct": direct ?? null, "no-flush": noFlush ?? null },
    "children": asArray(node["children"]),
    // Bitmaps without a name belong to a job.
    "dirty-bitmaps": objectsIn(node["dirty-bitmaps"])
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
