/**
 * The vmdesc at the end of a stream. Every type and the depth of its JSON are
 * checked: it is not trusted, and has to match the bytes of the sections.
 *
 * ```
 * {"configuration": VMSD, "page_size": n, "devices": [DEVICE…]}
 * DEVICE = {"name", "instance_id", VMSD…}
 *        | {"name", "instance_id", "size", "fields"}        not a VMState device
 * VMSD   = "vmsd_name", "version", "fields": [FIELD…], "subsections"?: [VMSD…]
 * FIELD  = {"name", "array_len"? | "index"?, "type",
 *           "struct"?: VMSD | {}, VMSD…?, "size"}
 * ```
 *
 * Before QEMU 10 a null pointer was described as an empty struct.
 *
 * @module
 */

import {
  ForeignJson,
  type ForeignObject,
  type ForeignPath,
  isObject,
  pathText,
} from "../../foreign_json.ts";
import {
  MigrationStreamError,
  problemAt,
  type StreamLocation,
} from "./error.ts";
import type { SectionHeader } from "./framing.ts";

/** A VMStateDescription, with the fields and subsections that were sent. */
export interface VmsdDescription {
  readonly name: string;
  readonly version: number;
  readonly fields: readonly FieldDescription[];
  readonly subsections: readonly VmsdDescription[];
}

/** A field, or a run of equal elements of an array. */
export interface FieldDescription {
  readonly name: string;
  readonly type: string;
  /** Wire bytes of one element. */
  readonly size: number;
  readonly arrayLength: number | undefined;
  readonly index: number | undefined;
  readonly struct: VmsdDescription | undefined;
  /** True for a struct whose pointer was null. */
  readonly isNull: boolean;
  /** For a list: the description of its last element. */
  readonly inline: VmsdDescription | undefined;
}

/** A device section. */
export interface DeviceDescription {
  readonly name: string;
  readonly instanceId: number;
  /** Absent for the few devices that have no VMState. */
  readonly vmsd: VmsdDescription | undefined;
  /** Wire bytes of the payload. */
  readonly size: number;
  /**
   * Whether a pointer was null, as described before QEMU 10. Then an array of
   * pointers may be described by its first element, even if others differ.
   */
  readonly hasNull: boolean;
}

/** A complete vmdesc. */
export interface Vmdesc {
  readonly configuration: VmsdDescription | undefined;
  readonly pageSize: number;
  readonly devices: readonly DeviceDescription[];
}

/** The description at the end of the stream. */
export interface DecodedVmdesc {
  /** Offset of its type byte. */
  readonly offset: number;
  /** JSON as bytes, since it repeats keys for lists. */
  readonly text: Uint8Array;
  readonly description: Vmdesc;
}

/**
 * Real ones have 50 to 300 kB, and some kB for each additional vCPU. A limit is
 * needed because JSON has no length that could be checked before parsing.
 */
const MAXIMUM_SIZE = 16 * 1024 * 1024;
/** The shortest object in a vmdesc. */
const SHORTEST_OBJECT = '{"name":"","type":"","size":0}'.length;
/** The shortest member, with its comma. */
const SHORTEST_MEMBER = '"size":0,'.length;
/** Limits our recursion; QEMU has at most five levels. */
const MAXIMUM_DEPTH = 32;
/** Type byte, name length and version of a subsection. */
const SUBSECTION_HEADER = 1 + 1 + 4;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Reads a description.
 *
 * @param offset of the text in the stream, for messages
 * @throws {MigrationStreamError} when it is not JSON of this form
 */
export function parseVmdesc(bytes: Uint8Array, offset: number): Vmdesc {
  const root = parseJson(bytes, offset);
  const json = new ForeignJson(
    root,
    (path, what) =>
      problem(`vmdesc${pathText(path)} ${what}`, {
        ...deviceAt(root, path),
        offset,
      }),
  );
  return new VmdescReader(json).vmdesc();
}

function parseJson(bytes: Uint8Array, offset: number): unknown {
  if (bytes.length > MAXIMUM_SIZE) {
    throw problem(`vmdesc of ${bytes.length} bytes is too long to be real`, {
      offset,
    });
  }
  try {
    const text = utf8.decode(bytes);
    checkDensity(text, offset);
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) {
      throw cause;
    }
    throw problem(`vmdesc is not JSON: ${cause.message}`, { offset });
  }
}

/**
 * Limits the number of values, since they take more memory than their text. A
 * brace, bracket or comma in a name counts as well, but those are rare.
 */
function checkDensity(text: string, offset: number): void {
  const kinds: [string, string, number][] = [
    ["{", "objects", SHORTEST_OBJECT],
    ["[", "lists", SHORTEST_OBJECT],
    [",", "values", SHORTEST_MEMBER],
  ];
  for (const [sign, what, shortest] of kinds) {
    if (!hasAtMost(text, sign, 1 + text.length / shortest)) {
      throw problem(`vmdesc has more ${what} than its length allows`, {
        offset,
      });
    }
  }
}

function hasAtMost(text: string, sign: string, most: number): boolean {
  let at = -1;
  for (let count = 0; count <= most; count++) {
    at = text.indexOf(sign, at + 1);
    if (at < 0) return true;
  }
  return false;
}

/** The device of a path. */
function deviceAt(
  root: unknown,
  [list, index]: ForeignPath,
): Pick<StreamLocation, "section" | "instance"> {
  if (!isObject(root) || list !== "devices" || typeof index !== "number") {
    return {};
  }
  const devices = root.devices;
  const device: unknown = Array.isArray(devices) ? devices[index] : undefined;
  if (!isObject(device) || typeof device.name !== "string") return {};
  return {
    section: device.name,
    instance: typeof device.instance_id === "number"
      ? device.instance_id
      : undefined,
  };
}

function problem(
  what: string,
  location: StreamLocation,
): MigrationStreamError {
  return new MigrationStreamError(what, location, { action: "decode" });
}

/** Wire bytes of a description's fields and subsections. */
export function bodySize(vmsd: VmsdDescription): number {
  let size = 0;
  for (const field of vmsd.fields) {
    size += field.size * (field.arrayLength ?? 1);
  }
  for (const sub of vmsd.subsections) {
    size += SUBSECTION_HEADER + encoder.encode(sub.name).length + bodySize(sub);
  }
  return size;
}

class VmdescReader {
  /** Whether a pointer was null in the current device. */
  #hasNull = false;

  constructor(private readonly json: ForeignJson) {}

  vmdesc(): Vmdesc {
    const json = this.json;
    const { root } = json;
    return {
      configuration: root.configuration === undefined
        ? undefined
        : this.#vmsd(json.object(root, "configuration"), 0),
      pageSize: json.count(root, "page_size"),
      devices: json.objects(root, "devices").map((it) => this.#device(it)),
    };
  }

  #device(device: ForeignObject): DeviceDescription {
    const json = this.json;
    const name = json.text(device, "name");
    const instanceId = json.count(device, "instance_id");
    if (device.vmsd_name === undefined) {
      const size = json.count(device, "size");
      return { name, instanceId, vmsd: undefined, size, hasNull: false };
    }
    this.#hasNull = false;
    const vmsd = this.#vmsd(device, 0);
    const hasNull = this.#hasNull;
    return { name, instanceId, vmsd, size: bodySize(vmsd), hasNull };
  }

  #vmsd(vmsd: ForeignObject, depth: number): VmsdDescription {
    const json = this.json;
    if (depth > MAXIMUM_DEPTH) throw json.problem(vmsd, "is nested too deeply");
    return {
      name: json.text(vmsd, "vmsd_name"),
      version: json.count(vmsd, "version"),
      fields: json.objects(vmsd, "fields").map((field) =>
        this.#field(field, depth)
      ),
      subsections: vmsd.subsections === undefined
        ? []
        : json.objects(vmsd, "subsections").map((sub) =>
          this.#vmsd(sub, depth + 1)
        ),
    };
  }

  #field(field: ForeignObject, depth: number): FieldDescription {
    const json = this.json;
    const { array_len, index, struct, vmsd_name } = field;
    const isNull = isObject(struct) && Object.keys(struct).length === 0;
    if (isNull) this.#hasNull = true;
    return {
      name: json.text(field, "name"),
      type: json.text(field, "type"),
      size: json.count(field, "size"),
      arrayLength: array_len === undefined
        ? undefined
        : json.count(field, "array_len"),
      index: index === undefined ? undefined : json.count(field, "index"),
      isNull,
      struct: struct === undefined || isNull
        ? undefined
        : this.#vmsd(json.object(field, "struct"), depth + 1),
      inline: vmsd_name === undefined
        ? undefined
        : this.#vmsd(field, depth + 1),
    };
  }
}

/**
 * The devices of a vmdesc, one by one, in the same order as the sections.
 */
export class DescribedDevices {
  readonly vmdesc: DecodedVmdesc;
  #next = 0;

  /**
   * @param offset of the record's type byte
   * @param pageSize according to the rest of the stream
   * @throws {MigrationStreamError} when the text is no vmdesc, or has another
   * page size
   */
  constructor(offset: number, text: Uint8Array, pageSize: number) {
    const description = parseVmdesc(text, offset);
    if (description.pageSize !== pageSize) {
      throw problemAt(
        `vmdesc says pages of ${description.pageSize} bytes`,
        offset,
      );
    }
    this.vmdesc = { offset, text, description };
  }

  /**
   * The description of the next section.
   *
   * @param offset of its payload, for messages
   * @throws {MigrationStreamError} when the next device in vmdesc is another
   * one
   */
  next(header: SectionHeader, offset: number): DeviceDescription {
    const device = this.vmdesc.description.devices[this.#next++];
    if (device === undefined) {
      throw problemAt("vmdesc has no such section", offset);
    }
    const problem = difference(device, header);
    if (problem !== undefined) throw problemAt(problem, offset);
    return device;
  }

  /**
   * Checks at the end of the stream that every device had a section.
   *
   * @param offset after EOF
   * @throws {MigrationStreamError} when vmdesc has more, or is elsewhere
   */
  checkEnd(offset: number): void {
    const left = this.vmdesc.description.devices[this.#next];
    if (left !== undefined) {
      throw problemAt(
        `the stream ends, but vmdesc goes on with "${left.name}" instance ` +
          left.instanceId,
        offset,
      );
    }
    if (this.vmdesc.offset !== offset) {
      throw problemAt(
        `the stream ends here, and its vmdesc is at ${this.vmdesc.offset}`,
        offset,
      );
    }
  }
}

function difference(
  device: DeviceDescription,
  header: SectionHeader,
): string | undefined {
  if (device.name !== header.name || device.instanceId !== header.instanceId) {
    return `vmdesc has "${device.name}" instance ${device.instanceId} here`;
  }
  if (device.vmsd !== undefined && device.vmsd.version !== header.version) {
    return `version ${header.version}, and ${device.vmsd.version} in vmdesc`;
  }
  return undefined;
}
