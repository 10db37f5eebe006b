import { assert, assertEquals } from "@std/assert";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  encodeBody,
  isStruct,
} from "../../../../lib/migration/stream/mod.ts";
import {
  type LaidOut,
  LayoutDecoder,
} from "../../../../lib/migration/stream/layouts/layouts.ts";
import { Sink } from "../../../../lib/stream/mod.ts";

/** Where the bytes are said to be in their stream. */
const OFFSET = 1000;

/** Decodes, having seen that it encodes to the same bytes. */
export function decode(
  type: string,
  bytes: Uint8Array,
  vmsd = "virtio-any",
  isBigEndian = false,
): LaidOut {
  const context = { vmsd, isBigEndian };
  const found = new LayoutDecoder().decode(type, bytes, OFFSET, context);
  const { value } = found;
  if (isStruct(value)) {
    const sink = new Sink();
    encodeBody(sink, value);
    assertEquals(firstDifference(sink.toBytes(), bytes), undefined);
  } else {
    assertEquals(value, bytes);
    assert(found.reason !== undefined, "bytes without a reason");
  }
  return found;
}

/** A loop, as this runs thousands of times. */
function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    if (a[at] !== b[at]) return at;
  }
  return undefined;
}

/** Likewise for what is a struct. */
export function decodeStruct(
  type: string,
  bytes: Uint8Array,
  vmsd?: string,
  isBigEndian?: boolean,
): DecodedStruct {
  const { value, reason } = decode(type, bytes, vmsd, isBigEndian);
  assert(isStruct(value), reason);
  return value;
}

/** The field at a path of names and indices. */
export function fieldAt(
  struct: DecodedStruct,
  ...path: (string | number)[]
): DecodedField | undefined {
  let field: DecodedField | undefined;
  let value: DecodedValue | undefined = struct;
  for (const step of path) {
    if (typeof step === "number") {
      value = Array.isArray(value) ? value[step] : undefined;
      continue;
    }
    if (value === undefined || !isStruct(value)) return undefined;
    const { fields, subsections }: DecodedStruct = value;
    field = fields.find(({ name }) => name === step);
    value = field?.value ?? subsections.find(({ vmsd }) => vmsd === step);
  }
  return field;
}

/** Values with structs as plain objects, and 64-bit integers as numbers. */
export function plain(value: DecodedValue | undefined): unknown {
  if (value === undefined) return undefined;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return value.toHex();
  if (!isStruct(value)) return value;
  return Object.fromEntries([
    ...value.fields.map(({ name, value }) => [name, plain(value)]),
    ...value.subsections.map((sub) => [sub.vmsd, plain(sub)]),
  ]);
}

/** Fields without fields of their own. */
export function* leaves(struct: DecodedStruct): Generator<DecodedField> {
  for (const field of struct.fields) {
    const { value } = field;
    const structs = (Array.isArray(value) ? value : [value]).filter(isStruct);
    if (structs.length === 0) yield field;
    for (const inner of structs) yield* leaves(inner);
  }
  for (const inner of struct.subsections) yield* leaves(inner);
}
