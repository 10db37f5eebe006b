/**
 * vmdesc, the JSON description that QEMU appends to a stream: the fields that
 * were sent, in order. The shapes are those of QEMU 11.1.
 *
 * ```
 * VMSD  = {"vmsd_name", "version", "fields": [FIELD…], "subsections"?: [VMSD…]}
 * FIELD = {"name", "array_len"? | "index"?, "type", "struct"?: VMSD, "size"}
 * ```
 *
 * @module
 */

import type { Sink, Source } from "../stream/mod.ts";
import { InvalidValue } from "./error.ts";

/** One description with the fields and subsections that were sent. */
export interface VmsdEntry {
  /** Name of the description. */
  readonly vmsd_name: string;
  /** Version that was sent. */
  readonly version: number;
  /** Its fields, in wire order. */
  readonly fields: readonly NamedFieldEntry[];
  /** Its subsections, if any were sent. */
  readonly subsections?: readonly VmsdEntry[];
}

/** A field of vmdesc, without its name. */
export interface FieldEntry {
  /** Number of equal elements that this entry stands for. */
  readonly array_len?: number;
  /** Index of an element that has an entry of its own. */
  readonly index?: number;
  /** QEMU's name of the encoding. */
  readonly type: string;
  /** The description of a struct. */
  readonly struct?: VmsdEntry;
  /** The description of a list or tmp, whose members are the field's own. */
  readonly inline?: VmsdEntry;
  /** Bytes of one element on the wire. */
  readonly size: number;
}

/** A field of vmdesc. */
export interface NamedFieldEntry extends FieldEntry {
  /** Name of the field in QEMU's source. */
  readonly name: string;
}

/** The other fields of a struct: those loaded so far, or all when saving. */
export type Siblings = Readonly<Record<string, unknown>>;

/**
 * How a descriptor is encoded: as its number in cpr-exec, as one byte with
 * SCM_RIGHTS in cpr-transfer. It depends on the channel, not the description.
 */
export interface DescriptorCodec {
  /** Reads one descriptor. */
  load(source: Source): number;
  /** Writes one descriptor. */
  save(sink: Sink, descriptor: number): void;
}

/** The context of one load or save. */
export interface StateContext {
  /** Names and indices of the current field, outermost first. */
  readonly path: (string | number)[];
  /** How descriptors are encoded. */
  readonly descriptors: DescriptorCodec;
}

/**
 * One wire encoding. A codec loads exactly the bytes that it saves. It never
 * reads past the end, and never allocates for a count that exceeds the stream.
 */
export interface Codec<T> {
  /** The "type" of this encoding in QEMU's vmdesc. */
  readonly type: string;
  /** Minimum bytes of one value; bounds counts before allocation. */
  readonly minimumSize: number;
  /** The value of a field that is not in the stream. */
  initial(): T;
  /** Reads one value. */
  load(source: Source, context: StateContext, siblings: Siblings): T;
  /** Writes one value. */
  save(sink: Sink, value: T, context: StateContext, siblings: Siblings): void;
  /** The vmdesc entries of a value; default: one entry of the saved size. */
  describe?(value: T, context: StateContext, siblings: Siblings): FieldEntry[];
}

/**
 * The common part of codecs of a fixed size. The vmdesc entry is made once, as
 * an array of bytes asks for it thousands of times.
 */
export function fixedSize(type: string, size: number) {
  const entries: FieldEntry[] = [{ type, size }];
  return { type, minimumSize: size, describe: () => entries };
}

/** When a field is part of the wire format. */
export interface FieldOptions {
  /** First version of the description that has the field. */
  readonly since?: number;
  /** Whether the field is present (QEMU's field_exists); replaces `since`. */
  readonly when?: (siblings: Siblings, version: number) => boolean;
}

/** A codec in its place in a description. */
export interface Field<T> extends FieldOptions {
  /** How its value is encoded. */
  readonly codec: Codec<T>;
}

/**
 * Makes a field of a codec, for encodings that have no function here.
 *
 * @example
 * ```ts
 * import { field, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const bcd = field<number>({
 *   type: "bcd",
 *   minimumSize: 1,
 *   initial: () => 0,
 *   load: (source) => Number(source.u8().toString(16)),
 *   save: (sink, value) => sink.u8(parseInt(String(value), 16)),
 * });
 * const rtc = vmstate("rtc", { version: 1 }, { minutes: bcd });
 * const sink = new Sink();
 * saveState(rtc, { minutes: 59 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0x59));
 * ```
 */
export function field<T>(
  codec: Codec<T>,
  options: FieldOptions = {},
): Field<T> {
  return { codec, ...options };
}

/** True if the field is on the wire at that version of its description. */
export function isPresent(
  field: Field<unknown>,
  siblings: Siblings,
  version: number,
): boolean {
  if (field.when !== undefined) return field.when(siblings, version);
  return (field.since ?? 0) <= version;
}

/** A number of elements: fixed, or the name of an earlier integer field. */
export type Count = number | string;

/**
 * The value of a count, given the fields loaded so far.
 *
 * @throws {InvalidValue} when the field is negative or not an integer
 */
export function countOf(count: Count, siblings: Siblings): number {
  const value = typeof count === "number" ? count : siblings[count];
  const number = typeof value === "bigint" ? Number(value) : value;
  if (
    typeof number !== "number" || !Number.isSafeInteger(number) || number < 0
  ) {
    throw new InvalidValue(`its count "${count}" is ${String(value)}`);
  }
  return number;
}

/** @param what is counted, for the error's message */
export function checkLength(given: number, takes: number, what: string): void {
  if (given === takes) return;
  throw new InvalidValue(`${given} ${what} given, it takes ${takes}`);
}

/** Makes `count` elements, with the index of each in the path of errors. */
export function elements<T>(
  count: number,
  context: StateContext,
  make: (index: number) => T,
): T[] {
  const made: T[] = [];
  for (let index = 0; index < count; index++) {
    context.path.push(index);
    made.push(make(index));
    context.path.pop();
  }
  return made;
}

/** Likewise for existing elements. */
export function eachElement<T>(
  values: readonly T[],
  context: StateContext,
  work: (value: T, index: number) => void,
): void {
  for (const [index, value] of values.entries()) {
    context.path.push(index);
    work(value, index);
    context.path.pop();
  }
}
