import type { Sink, Source } from "../stream/mod.ts";
import type { FieldEntry } from "./vmdesc_entry.ts";

/** The fields of a struct that were loaded, or are to be saved, around one. */
export type Siblings = Readonly<Record<string, unknown>>;

/**
 * How a descriptor travels: as its number in cpr-exec, as SCM_RIGHTS beside
 * one byte in cpr-transfer. The channel decides, not the description.
 */
export interface DescriptorCodec {
  load(source: Source): number;
  save(sink: Sink, descriptor: number): void;
}

/** What travels through a whole load or save. */
export interface StateContext {
  /** Names, and indices, of the fields being worked on, outermost first. */
  readonly path: (string | number)[];
  /** How descriptors travel. */
  readonly descriptors: DescriptorCodec;
}

/**
 * One wire encoding. A codec reads exactly what it writes; it never reads past
 * the end, and never allocates by a count that the stream cannot hold.
 */
export interface Codec<T> {
  /** The "type" that QEMU's vmdesc gives this encoding. */
  readonly type: string;
  /** The fewest bytes that one value takes: bounds counts before allocation. */
  readonly minimumSize: number;
  /** The value of a field that the stream does not carry. */
  initial(): T;
  load(source: Source, context: StateContext, siblings: Siblings): T;
  save(sink: Sink, value: T, context: StateContext, siblings: Siblings): void;
  /** How vmdesc lists this value; defaults to one entry of the saved size. */
  describe?(value: T, context: StateContext, siblings: Siblings): FieldEntry[];
}

/**
 * The part of a codec that all values of one size share. Their vmdesc entry is
 * made once: an array of bytes asks for it thousands of times.
 */
export function fixedSize(type: string, size: number) {
  const entries: FieldEntry[] = [{ type, size }];
  return { type, minimumSize: size, describe: () => entries };
}

/** When a field is part of the wire format. */
export interface FieldOptions {
  /** First version of the description that has the field. */
  readonly since?: number;
  /** Present only if this says so; replaces `since` (QEMU's field_exists). */
  readonly when?: (siblings: Siblings, version: number) => boolean;
}

/** A codec in its place in a description. */
export interface Field<T> extends FieldOptions {
  readonly codec: Codec<T>;
}

/** Puts a codec into a field. */
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
