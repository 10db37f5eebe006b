/**
 * What a QEMU tells of its device state by `-dump-vmstate`.
 *
 * ```
 * {"vmschkmachine": {"Name": MACHINE}, TYPE: {…, "Description": VMSD}…}
 * VMSD  = {"name", "version_id", "minimum_version_id",
 *          "Fields"?: [FIELD…], "Subsections"?: [VMSD…]}
 * FIELD = {"field", "version_id", "field_exists", "num"?, "size",
 *          "Description"?: VMSD}
 * ```
 *
 * TYPE is a qdev type; the name of its VMSD is what a stream has. A size is
 * that of the C type in memory: 8 for a pointer, 0 where it is only known at
 * run time, and in general not that on the wire. State that belongs to no
 * device, such as "timer" and "cpu_common", is not in it.
 *
 * @module
 */

import { InspectError } from "../error.ts";

/** The state of a device, of a part of it, or of a subsection. */
export interface Description {
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  readonly fields: readonly DumpField[];
  readonly subsections: readonly Description[];
}

/** A field as it is in memory. */
export interface DumpField {
  readonly name: string;
  /** The version of its description that brought it. */
  readonly version: number;
  /** Whether a function decides if it is sent. */
  readonly conditional: boolean;
  /** Elements of a fixed array, else 1. */
  readonly count: number;
  /** C size of one element. */
  readonly size: number;
  /** Of a struct. */
  readonly description?: Description;
}

/** All that one program tells. */
export interface Dump {
  readonly machine: string;
  /** By qdev type. */
  readonly types: ReadonlyMap<string, Description>;
}

/** The one key that is no type. */
const MACHINE = "vmschkmachine";
/** QEMU nests six deep. */
const MAXIMUM_DEPTH = 32;
/** QEMU has 70 at most; comparing takes time by the square of it. */
const MAXIMUM_FIELDS = 1024;

/**
 * Reads a dump.
 *
 * @param file its name, for messages
 * @throws {InspectError} when it is none
 */
export function parseDump(text: string, file: string): Dump {
  const root = new Place(parseJson(text, file), file, "");
  const types = new Map<string, Description>();
  for (const [type, place] of root.members()) {
    if (type === MACHINE) continue;
    types.set(type, descriptionOf(place.member("Description"), 0));
  }
  return { machine: root.member(MACHINE).member("Name").text(), types };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw notADump(file, cause.message);
  }
}

function descriptionOf(place: Place, depth: number): Description {
  if (depth > MAXIMUM_DEPTH) throw place.problem("is nested too deeply");
  const list = (key: string) => place.optional(key)?.elements() ?? [];
  return {
    name: place.member("name").text(),
    version: place.member("version_id").count(),
    minimumVersion: place.member("minimum_version_id").count(),
    fields: list("Fields").map((field) => fieldOf(field, depth)),
    subsections: list("Subsections").map((sub) =>
      descriptionOf(sub, depth + 1)
    ),
  };
}

function fieldOf(place: Place, depth: number): DumpField {
  const description = place.optional("Description");
  return {
    name: place.member("field").text(),
    version: place.member("version_id").count(),
    conditional: place.member("field_exists").flag(),
    count: place.optional("num")?.count() ?? 1,
    size: place.member("size").count(),
    ...description === undefined
      ? {}
      : { description: descriptionOf(description, depth + 1) },
  };
}

/** A place in the JSON, which knows its path for messages. */
class Place {
  constructor(
    readonly value: unknown,
    readonly file: string,
    readonly path: string,
  ) {}

  members(): [key: string, place: Place][] {
    return Object.keys(this.object()).map((key) => [key, this.member(key)]);
  }

  optional(key: string): Place | undefined {
    const object = this.object();
    if (!Object.hasOwn(object, key)) return undefined;
    const value: unknown = Reflect.get(object, key);
    return new Place(value, this.file, `${this.path}.${key}`);
  }

  member(key: string): Place {
    const member = this.optional(key);
    if (member === undefined) throw this.problem(`has no "${key}"`);
    return member;
  }

  object(): object {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.problem("is not an object");
    }
    return value;
  }

  elements(): Place[] {
    if (!Array.isArray(this.value)) throw this.problem("is not an array");
    if (this.value.length > MAXIMUM_FIELDS) throw this.problem("is too long");
    return this.value.map((value, at) =>
      new Place(value, this.file, `${this.path}[${at}]`)
    );
  }

  text(): string {
    if (typeof this.value !== "string") throw this.problem("is not a string");
    return this.value;
  }

  flag(): boolean {
    if (typeof this.value !== "boolean") throw this.problem("is not a boolean");
    return this.value;
  }

  count(): number {
    const { value } = this;
    if (
      typeof value !== "number" || !Number.isSafeInteger(value) || value < 0
    ) {
      throw this.problem("is not a count");
    }
    return value;
  }

  problem(what: string): InspectError {
    const where = this.path === "" ? "it" : `"${this.path.slice(1)}"`;
    return notADump(this.file, `${where} ${what}`);
  }
}

function notADump(file: string, why: string): InspectError {
  return new InspectError(
    "not-a-dump",
    `Cannot read "${file}" as what -dump-vmstate writes: ${why}`,
  );
}
