/**
 * The description that ends a stream, read from its JSON with every type and
 * depth checked. It comes from the sender: nothing it says is believed before
 * the bytes agree.
 *
 * ```
 * {"configuration": VMSD, "page_size": n, "devices": [DEVICE…]}
 * DEVICE = {"name", "instance_id", VMSD…}
 *        | {"name", "instance_id", "size", "fields"}        not a VMState device
 * VMSD   = "vmsd_name", "version", "fields": [FIELD…], "subsections"?: [VMSD…]
 * FIELD  = {"name", "array_len"? | "index"?, "type",
 *           "struct"?: VMSD | VMSD…, "size"}
 * ```
 *
 * @module
 */

import { MigrationStreamError } from "./error.ts";

/** A description and what was sent of it. */
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
  readonly arrayLength?: number;
  readonly index?: number;
  readonly struct?: VmsdDescription;
  /** Of a list: what its last element was. */
  readonly inline?: VmsdDescription;
}

/** A device section. */
export interface DeviceDescription {
  readonly name: string;
  readonly instanceId: number;
  /** Absent for the few devices that have no VMState. */
  readonly vmsd?: VmsdDescription;
  /** Wire bytes of the payload. */
  readonly size: number;
}

/** A whole description. */
export interface Vmdesc {
  readonly configuration?: VmsdDescription;
  readonly pageSize: number;
  readonly devices: readonly DeviceDescription[];
}

/** QEMU nests five deep at most; this guards our own recursion. */
const MAXIMUM_DEPTH = 32;
/** Type byte, name length and version of a subsection. */
const SUBSECTION_HEADER = 1 + 1 + 4;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Reads a description.
 *
 * @param offset where the text stands in the stream, for messages
 * @throws {MigrationStreamError} when it is not JSON of this form
 */
export function parseVmdesc(bytes: Uint8Array, offset: number): Vmdesc {
  const root = new Node(parseJson(bytes, offset), "", offset);
  const configuration = root.optional("configuration");
  return {
    ...configuration === undefined
      ? {}
      : { configuration: vmsdOf(configuration, 0) },
    pageSize: root.member("page_size").count(),
    devices: root.member("devices").elements().map(deviceOf),
  };
}

function parseJson(bytes: Uint8Array, offset: number): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) {
      throw cause;
    }
    throw new MigrationStreamError(
      `vmdesc is not JSON: ${cause.message}`,
      { offset },
      { action: "decode", cause },
    );
  }
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

function deviceOf(node: Node): DeviceDescription {
  const name = node.member("name").text();
  const instanceId = node.member("instance_id").count();
  if (node.optional("vmsd_name") === undefined) {
    return { name, instanceId, size: node.member("size").count() };
  }
  const vmsd = vmsdOf(node, 0);
  return { name, instanceId, vmsd, size: bodySize(vmsd) };
}

function vmsdOf(node: Node, depth: number): VmsdDescription {
  if (depth > MAXIMUM_DEPTH) throw node.problem("is nested too deeply");
  return {
    name: node.member("vmsd_name").text(),
    version: node.member("version").count(),
    fields: node.member("fields").elements().map((field) =>
      fieldOf(field, depth)
    ),
    subsections: (node.optional("subsections")?.elements() ?? []).map((sub) =>
      vmsdOf(sub, depth + 1)
    ),
  };
}

function fieldOf(node: Node, depth: number): FieldDescription {
  const arrayLength = node.optional("array_len")?.count();
  const index = node.optional("index")?.count();
  const struct = node.optional("struct");
  const isInline = node.optional("vmsd_name") !== undefined;
  return {
    name: node.member("name").text(),
    type: node.member("type").text(),
    size: node.member("size").count(),
    ...arrayLength === undefined ? {} : { arrayLength },
    ...index === undefined ? {} : { index },
    ...struct === undefined ? {} : { struct: vmsdOf(struct, depth + 1) },
    ...isInline ? { inline: vmsdOf(node, depth + 1) } : {},
  };
}

/** A place in the JSON, which knows its path for messages. */
class Node {
  constructor(
    readonly value: unknown,
    readonly path: string,
    readonly offset: number,
  ) {}

  optional(key: string): Node | undefined {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.problem("is not an object");
    }
    if (!Object.hasOwn(value, key)) return undefined;
    const member: unknown = Reflect.get(value, key);
    return new Node(member, `${this.path}.${key}`, this.offset);
  }

  member(key: string): Node {
    const member = this.optional(key);
    if (member === undefined) throw this.problem(`has no "${key}"`);
    return member;
  }

  elements(): Node[] {
    if (!Array.isArray(this.value)) throw this.problem("is not an array");
    return this.value.map((value, index) =>
      new Node(value, `${this.path}[${index}]`, this.offset)
    );
  }

  text(): string {
    if (typeof this.value !== "string") throw this.problem("is not a string");
    return this.value;
  }

  /** A size, version, number or id: an integer that is not negative. */
  count(): number {
    const { value } = this;
    if (
      typeof value !== "number" || !Number.isSafeInteger(value) || value < 0
    ) {
      throw this.problem("is not a count");
    }
    return value;
  }

  problem(what: string): MigrationStreamError {
    const path = this.path === "" ? "vmdesc" : `vmdesc${this.path}`;
    return new MigrationStreamError(
      `${path} ${what}`,
      { offset: this.offset },
      { action: "decode" },
    );
  }
}
