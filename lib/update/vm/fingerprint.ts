/**
 * The settings of a VM that an administrator can change while it runs. They are
 * read before the checks, and again once the guest is stopped: another client
 * may have used the monitor in between.
 *
 * What the guest itself changes is left out: it writes, so that images grow; it
 * negotiates caching, opens trays, crosses write thresholds, fills disks. So is
 * what is stored in an image: the new program reads it as well.
 *
 * @module
 */

import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
} from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";
import { asArray, asObject, ifKnown, objectsIn, text } from "./reply.ts";

/** The VM was changed after the checks. */
export class VmChangedProblem extends UpdateProblem {
  override readonly name = "VmChangedProblem";
}

/** A query whose reply is an array, with one element for each object. */
interface Query {
  readonly command: string;
  readonly arguments?: JsonObject;
  /** What messages call such an object. */
  readonly kind: string;
  /** The members that may identify an object: the first that is present. */
  readonly names: readonly string[];
  /** The part of an element that is compared. */
  readonly compared: (element: JsonObject) => Json;
}

const QUERIES: readonly Query[] = [
  {
    command: "query-block",
    kind: "Drive",
    names: ["device", "qdev"],
    compared: comparedOfDrive,
  },
  {
    command: "query-named-block-nodes",
    arguments: { flat: true },
    kind: "Block node",
    names: ["node-name"],
    compared: comparedOfNode,
  },
  // A job's progress and status change by themselves.
  {
    command: "query-jobs",
    kind: "Job",
    names: ["id"],
    compared: only("type"),
  },
  {
    command: "query-block-exports",
    kind: "Export",
    names: ["id"],
    compared: only("type", "node-name"),
  },
  // Hot-plugged vCPUs and memory are devices as well.
  children("/machine/peripheral", "Device"),
  children("/machine/peripheral-anon", "Device"),
  children("/objects", "Object"),
  children("/chardevs", "Character device"),
];

/** The objects of one reply, and their fields. */
type Objects = ReadonlyMap<string, Fields>;

/** More would make the message unreadable. */
const MAX_DIFFERENCES = 5;
/** Of a value in a message: the VM chooses its length. */
const MAX_SHOWN = 200;

/** A VM's settings at one moment. */
export class Fingerprint {
  private constructor(private readonly replies: readonly Objects[]) {}

  /** Sends all queries at once: the guest may be stopped. */
  static async take(client: Executor): Promise<Fingerprint> {
    return new Fingerprint(
      await Promise.all(QUERIES.map((query) => ask(client, query))),
    );
  }

  /**
   * Compares with a later one.
   *
   * @throws {VmChangedProblem} naming the fields that differ
   */
  requireSame(later: Fingerprint): void {
    const changed = QUERIES.flatMap(({ kind }, index) => {
      const before = this.replies[index] ?? new Map();
      const after = later.replies[index] ?? new Map();
      return [...differences(kind, before, after)];
    });
    if (changed.length === 0) return;
    const more = changed.length - MAX_DIFFERENCES;
    throw new VmChangedProblem(
      "changed-meanwhile",
      "The VM was changed after the checks: " +
        changed.slice(0, MAX_DIFFERENCES).join("; ") +
        (more > 0 ? `; and ${more} more` : ""),
      {
        remedy:
          "Wait until the other client has finished changing the VM, then run " +
          "the same command again",
      },
    );
  }
}

async function ask(client: Executor, query: Query): Promise<Objects> {
  const { command, arguments: options, names, compared } = query;
  const reply = await ifKnown(client.execute(command, options));
  return new Map(
    objectsIn(reply).map((element) => [
      names.map((name) => text(element[name])).find(Boolean) ?? "",
      flatten(compared(element)),
    ]),
  );
}

function* differences(
  kind: string,
  before: Objects,
  after: Objects,
): Iterable<string> {
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name);
    const is = after.get(name);
    if (is === undefined) yield `${kind} "${clip(name)}" is gone`;
    else if (was === undefined) yield `${kind} "${clip(name)}" is new`;
    else {
      for (const field of differingFields(was, is)) {
        yield `${kind} "${clip(name)}": ${field}`;
      }
    }
  }
}

function* differingFields(before: Fields, after: Fields): Iterable<string> {
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(path) ?? "none";
    const is = after.get(path) ?? "none";
    if (was !== is) yield `"${path}" was ${clip(was)}, is ${clip(is)}`;
  }
}

function clip(value: string): string {
  return value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
}

function children(path: string, kind: string): Query {
  return {
    command: "qom-list",
    arguments: { path },
    kind,
    names: ["name"],
    compared: only("type"),
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
export function comparedOfDrive(drive: JsonObject): Json {
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
export function comparedOfNode(node: JsonObject): Json {
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

/** The values of a reply by their paths, such as "cache.direct". */
type Fields = ReadonlyMap<string, string>;

/**
 * Every scalar of a reply, by its path. An element of an array that has a name
 * is identified by it rather than by its index.
 */
export function flatten(value: Json): Fields {
  return new Map(walk(value, ""));
}

function* walk(value: Json, path: string): Iterable<[string, string]> {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      yield* walk(element, `${path}[${nameOf(element) ?? index}]`);
    }
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      yield* walk(member, path === "" ? key : `${path}.${key}`);
    }
  } else yield [path, shown(value)];
}

function nameOf(element: Json): string | undefined {
  if (!isObject(element)) return undefined;
  const name = element["name"] ?? element["child"];
  return typeof name === "string" ? name : undefined;
}

function shown(value: string | number | bigint | boolean | null): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
