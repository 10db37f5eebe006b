import type { Configuration } from "./configuration.ts";
import type { PageRuns } from "./page_runs.ts";
import type { RamBlock, RamLayout } from "./ram_block.ts";
import type { CommandRecord, PieceHead, SectionHead } from "./records.ts";
import type { Vmdesc } from "./vmdesc.ts";

/**
 * A field's value, by its wire type: booleans, integers up to 32 bits as
 * numbers, 64-bit ones as bigint, text as strings, a null pointer as null, and
 * bytes for buffers and for everything whose inside is not described.
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

/** A description's fields and subsections, as they were sent. */
export interface DecodedStruct {
  /** Name of the description. */
  readonly vmsd: string;
  readonly version: number;
  readonly fields: DecodedField[];
  readonly subsections: DecodedStruct[];
}

/** True for a value that has fields of its own. */
export function isStruct(value: DecodedValue): value is DecodedStruct {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** One field, arrays whole however vmdesc ran their elements together. */
export interface DecodedField {
  readonly name: string;
  /** The wire type by vmdesc, of each element for an array. */
  readonly type: string;
  /** True if `value` is the list of elements. */
  readonly isArray: boolean;
  /** True if each element that is there has a marker byte before it. */
  readonly hasMarkers: boolean;
  /** Absolute stream offset and size in bytes, markers included. */
  readonly offset: number;
  readonly size: number;
  value: DecodedValue;
}

/** The state of one device. */
export interface DeviceSection extends SectionHead<"full"> {
  /** Payload bytes, without header and footer. */
  readonly size: number;
  /** Bytes where nothing describes it. */
  readonly state: DecodedStruct | Uint8Array;
}

/** A piece of guest memory; pages are not copied but left in the input. */
export interface RamSection extends PieceHead {
  readonly size: number;
  /** The block list, in START. */
  readonly blocks?: readonly RamBlock[];
  readonly pages: PageRuns;
}

/**
 * A piece of what is neither guest memory nor a device's VMState, such as a
 * dirty bitmap: only its own code knows what is inside.
 */
export interface OpaqueSection extends Omit<PieceHead, "type"> {
  readonly type: "opaque";
  readonly piece: PieceHead["type"];
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** What stands between configuration and EOF, in order. */
export type DecodedRecord =
  | DeviceSection
  | RamSection
  | OpaqueSection
  | CommandRecord;

/** A stream taken apart; encodes to the same bytes. */
export interface DecodedStream {
  /** The stream itself, of which guest pages are views. */
  readonly input: Uint8Array;
  /** Absent where the sender was told to leave it out. */
  readonly configuration: Configuration | undefined;
  readonly layout: RamLayout;
  /** False where the sender was told to leave footers out. */
  readonly hasFooters: boolean;
  readonly records: readonly DecodedRecord[];
  /**
   * All from a device on of which neither vmdesc nor a footer says how long it
   * is; then there are neither vmdesc nor trailing bytes.
   */
  readonly opaqueTail: { offset: number; bytes: Uint8Array } | undefined;
  readonly vmdesc: DecodedVmdesc | undefined;
  /** Bytes after the stream's end, which QEMU ignores. */
  readonly trailing: Uint8Array;
}

/** The description at the end of the stream. */
export interface DecodedVmdesc {
  /** Offset of its type byte. */
  readonly offset: number;
  /** JSON, kept as its bytes: lists repeat keys in it. */
  readonly text: Uint8Array;
  readonly description: Vmdesc;
}
