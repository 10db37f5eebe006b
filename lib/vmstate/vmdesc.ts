/**
 * The description that QEMU appends to a stream, as JSON: what was *sent*, in
 * order. Shapes as seen in real QEMU 11.1 streams.
 *
 * ```
 * VMSD  = {"vmsd_name", "version", "fields": [FIELD…], "subsections"?: [VMSD…]}
 * FIELD = {"name", "array_len"? | "index"?, "type", "struct"?: VMSD, "size"}
 * ```
 *
 * @module
 */

import { Sink } from "../stream/mod.ts";
import type { Codec, Siblings, StateContext } from "./codec.ts";

/** One description with the fields and subsections that were sent. */
export interface VmsdEntry {
  readonly vmsd_name: string;
  readonly version: number;
  readonly fields: readonly NamedFieldEntry[];
  readonly subsections?: readonly VmsdEntry[];
}

/** A field as vmdesc lists it, before it has its name. */
export interface FieldEntry {
  readonly array_len?: number;
  readonly index?: number;
  readonly type: string;
  readonly struct?: VmsdEntry;
  /** Lists and tmp put the description straight into the field. */
  readonly inline?: VmsdEntry;
  /** Wire bytes of one element. */
  readonly size: number;
}

/** A field as vmdesc lists it. */
export interface NamedFieldEntry extends FieldEntry {
  readonly name: string;
}

/** The entries of one value: the codec's own, or one of the saved size. */
export function describeValue<T>(
  codec: Codec<T>,
  value: T,
  context: StateContext,
  siblings: Siblings,
): FieldEntry[] {
  if (codec.describe !== undefined) {
    return codec.describe(value, context, siblings);
  }
  const sink = new Sink();
  codec.save(sink, value, context, siblings);
  return [{ type: codec.type, size: sink.offset }];
}

/**
 * The entries of an array: one with array_len where every element reads alike,
 * else one an element with its index. Nothing is listed of an empty array.
 */
export function arrayEntries(
  elements: readonly (readonly FieldEntry[])[],
): FieldEntry[] {
  const first = elements[0]?.[0];
  if (first === undefined) return [];
  if (elements.length === 1) return [first];
  const alike = elements.every((entries) =>
    entries.length === 1 && isAlike(entries[0], first)
  );
  if (alike) return [{ array_len: elements.length, ...first }];
  return elements.flatMap((entries, index) =>
    entries.map((entry) => ({ index, ...entry }))
  );
}

function isAlike(entry: FieldEntry | undefined, first: FieldEntry): boolean {
  return entry !== undefined && entry.type === first.type &&
    entry.size === first.size && entry.struct?.subsections === undefined &&
    JSON.stringify(entry.struct) === JSON.stringify(first.struct);
}

/** The JSON object of a description, keys in QEMU's order. */
export function vmsdJson(entry: VmsdEntry): Record<string, unknown> {
  return {
    vmsd_name: entry.vmsd_name,
    version: entry.version,
    fields: entry.fields.map(fieldJson),
    ...entry.subsections === undefined
      ? {}
      : { subsections: entry.subsections.map(vmsdJson) },
  };
}

function fieldJson(entry: NamedFieldEntry): Record<string, unknown> {
  return {
    name: entry.name,
    ...entry.array_len === undefined ? {} : { array_len: entry.array_len },
    ...entry.index === undefined ? {} : { index: entry.index },
    type: entry.type,
    ...entry.struct === undefined ? {} : { struct: vmsdJson(entry.struct) },
    ...entry.inline === undefined ? {} : vmsdJson(entry.inline),
    size: entry.size,
  };
}
