/**
 * The output of QEMU's `-dump-vmstate`.
 *
 * ```
 * {"vmschkmachine": {"Name": MACHINE}, TYPE: {"Name", "Description"?: VMSD}…}
 * VMSD  = {"name", "version_id", "minimum_version_id",
 *          "Fields"?: [FIELD…], "Subsections"?: [VMSD…]}
 * FIELD = {"field", "version_id", "field_exists", "num"?, "size",
 *          "Description"?: VMSD}
 * ```
 *
 * TYPE is a qdev type; the stream has the name of its VMSD. A size is that of
 * the C type in memory, not on the wire: 8 for a pointer, 0 if it is only known
 * at run time. State without a device, such as "timer" and "cpu_common", is not
 * included.
 *
 * @module
 */

import {
  ForeignJson,
  type ForeignObject,
  pathText,
} from "../../foreign_json.ts";
import { InspectError } from "../error.ts";

/** The state of a device, of a part of it, or of a subsection. */
export interface Description {
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  readonly fields: readonly DumpField[];
  readonly subsections: readonly Description[];
}

/** A field in memory. */
export interface DumpField {
  readonly name: string;
  /** The version of the description that introduced it. */
  readonly version: number;
  /** Whether a function decides if it is sent. */
  readonly conditional: boolean;
  /**
   * Elements of a fixed array, else 1; undefined if the dump has no counts.
   */
  readonly count: number | undefined;
  /** C size of one element. */
  readonly size: number;
  /** For a struct. */
  readonly description?: Description;
}

/** The dump of one program. */
export interface Dump {
  readonly machine: string;
  /** By qdev type. */
  readonly types: ReadonlyMap<string, Description>;
  /** Whether it has the number of elements of arrays; that of QEMU 7.2 has not. */
  readonly hasCounts: boolean;
  /** Types whose state the dump does not describe. */
  readonly undescribed: ReadonlySet<string>;
}

/** The only key that is no type. */
const MACHINE = "vmschkmachine";
/** QEMU has six levels. */
const MAXIMUM_DEPTH = 32;
/** QEMU has 70 at most; the time to compare is quadratic. */
const MAXIMUM_FIELDS = 1024;

/**
 * Reads a dump.
 *
 * @param file its name, for messages
 * @throws {InspectError} when it is not a dump
 */
export function parseDump(text: string, file: string): Dump {
  const json = new ForeignJson(parseJson(text, file), (path, what) => {
    const where = path.length === 0 ? "it" : `"${pathText(path).slice(1)}"`;
    return notADump(file, `${where} ${what}`);
  });
  const hasCounts = /"num"\s*:/.test(text);
  const reader = new DescriptionReader(json, hasCounts);
  const types = new Map<string, Description>();
  const undescribed = new Set<string>();
  for (const type of Object.keys(json.root)) {
    if (type === MACHINE) continue;
    const state = json.object(json.root, type);
    if (state.Description === undefined) {
      json.text(state, "Name");
      undescribed.add(type);
      continue;
    }
    const description = json.object(state, "Description");
    types.set(type, reader.description(description, 0));
  }
  const machine = json.text(json.object(json.root, MACHINE), "Name");
  return { machine, types, hasCounts, undescribed };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw notADump(file, cause.message);
  }
}

class DescriptionReader {
  constructor(
    private readonly json: ForeignJson,
    private readonly hasCounts: boolean,
  ) {}

  description(vmsd: ForeignObject, depth: number): Description {
    const json = this.json;
    if (depth > MAXIMUM_DEPTH) throw json.problem(vmsd, "is nested too deeply");
    return {
      name: json.text(vmsd, "name"),
      version: json.count(vmsd, "version_id"),
      minimumVersion: json.count(vmsd, "minimum_version_id"),
      fields: this.#list(vmsd, "Fields").map((field) =>
        this.#field(field, depth)
      ),
      subsections: this.#list(vmsd, "Subsections").map((sub) =>
        this.description(sub, depth + 1)
      ),
    };
  }

  #list(vmsd: ForeignObject, key: string): readonly ForeignObject[] {
    if (vmsd[key] === undefined) return [];
    const list = this.json.objects(vmsd, key);
    if (list.length <= MAXIMUM_FIELDS) return list;
    throw this.json.problem(vmsd, `has a list "${key}" that is too long`);
  }

  #field(field: ForeignObject, depth: number): DumpField {
    const json = this.json;
    return {
      name: json.text(field, "field"),
      version: json.count(field, "version_id"),
      conditional: json.flag(field, "field_exists"),
      count: !this.hasCounts
        ? undefined
        : field.num === undefined
        ? 1
        : json.count(field, "num"),
      size: json.count(field, "size"),
      ...field.Description === undefined ? {} : {
        description: this.description(
          json.object(field, "Description"),
          depth + 1,
        ),
      },
    };
  }
}

function notADump(file: string, why: string): InspectError {
  return new InspectError(
    "not-a-dump",
    `Cannot read "${file}" as the output of -dump-vmstate: ${why}`,
  );
}
