import type { Configuration } from "./configuration.ts";
import type { PageRuns } from "./page_runs.ts";
import type { RamBlock, RamLayout } from "./ram_block.ts";
import type { CommandRecord, PieceHead, SectionHead } from "./records.ts";
import type { DecodedVmdesc } from "./vmdesc.ts";

/**
 * A field's value, by its wire type: booleans, integers up to 32 bits as
 * numbers, 64-bit ones as bigint, text as strings, a null pointer as null, and
 * bytes for buffers and for everything that is not described.
 */
export type DecodedValue =
  | boolean
  | number
  | bigint
  | string
  | null
  | Uint8Array
  | DecodedStruct
  | DecodedValue[];

/** The fields and subsections of a description, as sent. */
export interface DecodedStruct {
  /** Name of the description. */
  readonly vmsd: string;
  readonly version: number;
  readonly fields: DecodedField[];
  readonly subsections: DecodedStruct[];
}

/** Values that a struct counts as, beside its fields, where they are bounded. */
export const STRUCT_VALUES = 2;

/** True for a value that has fields of its own. */
export function isStruct(value: DecodedValue): value is DecodedStruct {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** One field; an array is one field, however vmdesc describes it. */
export interface DecodedField {
  readonly name: string;
  /** The wire type in vmdesc; of each element for an array. */
  readonly type: string;
  /** True if `value` is the list of elements. */
  readonly isArray: boolean;
  /** True if each element that is not null has a marker byte before it. */
  readonly hasMarkers: boolean;
  /** Absolute stream offset and size in bytes, with markers. */
  readonly offset: number;
  readonly size: number;
  value: DecodedValue;
  /** Why bytes with a known layout could not be decoded by it. */
  readonly reason?: string;
}

/** The state of one device. */
export interface DeviceSection extends SectionHead<"full"> {
  /** Payload bytes, without header and footer. */
  readonly size: number;
  /** Bytes if it is not described. */
  readonly state: DecodedStruct | Uint8Array;
}

/** A piece of guest memory; pages are not copied. */
export interface RamSection extends PieceHead {
  readonly size: number;
  /** The block list, in START. */
  readonly blocks?: readonly RamBlock[];
  readonly pages: PageRuns;
}

/**
 * A piece of a section that is neither guest memory nor VMState, such as dirty
 * bitmaps: it has a format of its own.
 */
export interface OpaqueSection extends Omit<PieceHead, "type"> {
  readonly type: "opaque";
  readonly piece: PieceHead["type"];
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** The payload of a PACKAGED command, as far as it can be decoded. */
export interface Package {
  readonly records: readonly (CommandRecord | DeviceSection)[];
  readonly rest: Uint8Array;
}

/** A command; PACKAGED is opened if layouts are decoded. */
export interface DecodedCommand extends CommandRecord {
  readonly package?: Package;
}

/** A record between configuration and EOF, in order. */
export type DecodedRecord =
  | DeviceSection
  | RamSection
  | OpaqueSection
  | DecodedCommand;

/** A decoded stream; encodes to the same bytes. */
export interface DecodedStream {
  /** The stream itself; guest pages are views of it. */
  readonly input: Uint8Array;
  /** Absent if the sender is configured not to send it. */
  readonly configuration: Configuration | undefined;
  readonly layout: RamLayout;
  /** False if the sender is configured not to send footers. */
  readonly hasFooters: boolean;
  readonly records: readonly DecodedRecord[];
  /**
   * The rest of the stream from a device on whose length is unknown, because
   * there is no vmdesc and no footer; then there are no trailing bytes either.
   */
  readonly opaqueTail: { offset: number; bytes: Uint8Array } | undefined;
  readonly vmdesc: DecodedVmdesc | undefined;
  /** Bytes after the stream's end, which QEMU ignores. */
  readonly trailing: Uint8Array;
}
