/** Makes vmdesc, the description of a stream at its end. */

import { Sink } from "../stream/mod.ts";
import type {
  Codec,
  FieldEntry,
  NamedFieldEntry,
  Siblings,
  StateContext,
  VmsdEntry,
} from "./codec.ts";

/** The entries of one value: those of the codec, or one of the saved size. */
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

/** Type byte, name length and version of a subsection. */
const SUBSECTION_HEADER = 1 + 1 + 4;
const encoder = new TextEncoder();

/** Bytes of entries on the wire. */
export function entriesSize(entries: readonly FieldEntry[]): number {
  return entries.reduce(
    (sum, entry) => sum + entry.size * (entry.array_len ?? 1),
    0,
  );
}

/** Bytes of a body on the wire, including subsections. */
export function describedSize(vmsd: VmsdEntry): number {
  return (vmsd.subsections ?? []).reduce(
    (sum, sub) =>
      sum + SUBSECTION_HEADER + encoder.encode(sub.vmsd_name).length +
      describedSize(sub),
    entriesSize(vmsd.fields),
  );
}

/**
 * The entries of an array: one entry with array_len if all elements have the
 * same entry, else one entry per element with its index. An empty array has no
 * entry, and arrays of arrays are one array.
 *
 * @param start index of the first element
 */
export function arrayEntries(
  elements: readonly (readonly FieldEntry[])[],
  start = 0,
): FieldEntry[] {
  const entries = elements.flat();
  const [first] = entries;
  if (first === undefined) return [];
  if (entries.every((entry) => isAlike(entry, first))) {
    const length = entries.reduce(
      (sum, entry) => sum + (entry.array_len ?? 1),
      0,
    );
    const { index: _, array_len: __, ...element } = first;
    return length === 1 ? [element] : [{ array_len: length, ...element }];
  }
  let index = start;
  return entries.flatMap((entry) => {
    const { array_len = 1, ...element } = entry;
    return Array.from(
      { length: array_len },
      () => ({ ...element, index: index++ }),
    );
  });
}

/**
 * The entries of an array of pointers: runs of nulls, and runs of elements,
 * each as an array of its own.
 */
export function pointerEntries(
  elements: readonly (readonly FieldEntry[] | null)[],
  marker: FieldEntry,
): FieldEntry[] {
  const entries: FieldEntry[] = [];
  for (let start = 0; start < elements.length;) {
    const isNull = elements[start] === null;
    let end = start + 1;
    while (end < elements.length && (elements[end] === null) === isNull) end++;
    const run = elements.slice(start, end).map((element) =>
      element ?? [marker]
    );
    entries.push(...arrayEntries(run, start));
    start = end;
  }
  return entries;
}

function isAlike(entry: FieldEntry, first: FieldEntry): boolean {
  if (entry === first) return entry.struct?.subsections === undefined;
  return entry.type === first.type && entry.size === first.size &&
    entry.struct?.subsections === undefined &&
    JSON.stringify(entry.struct) === JSON.stringify(first.struct) &&
    JSON.stringify(entry.inline) === JSON.stringify(first.inline);
}

/**
 * The JSON object of a description, with its keys in QEMU's order.
 *
 * @example
 * ```ts
 * import { describeState, u8, vmsdJson, vmstate } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 1 }, { ier: u8() });
 * assertEquals(
 *   JSON.stringify(vmsdJson(describeState(uart, { ier: 1 }))),
 *   '{"vmsd_name":"uart","version":1,' +
 *     '"fields":[{"name":"ier","type":"uint8","size":1}]}',
 * );
 * ```
 */
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
