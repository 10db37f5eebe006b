/**
 * Headers, footers and commands of the migration stream, and their numbers.
 * Everything on the wire is big-endian.
 *
 * ```
 * stream  = "QEVM" be32 3  [07 configuration]  record…  00  [06 be32 length, JSON]
 * record  = section | command
 * section = 01|04 be32 id, u8+idstr, be32 instance, be32 version, payload, footer
 *         | 02|03 be32 id, payload, footer
 * footer  = 7e be32 id
 * command = 08 be16 number, be16 length, payload
 * ```
 *
 * @module
 */

import type { Sink, Source } from "../../stream/mod.ts";
import { hex, problemAt } from "./error.ts";

/** "QEVM", the first four bytes. */
export const STREAM_MAGIC = 0x5145_564d;
/** The current version of the stream format. */
export const STREAM_VERSION = 3;
/** The version before it, which QEMU has not supported since 2009. */
export const OBSOLETE_STREAM_VERSION = 2;

/** The byte before each record. */
export const RecordType = {
  EOF: 0x00,
  SECTION_START: 0x01,
  SECTION_PART: 0x02,
  SECTION_END: 0x03,
  SECTION_FULL: 0x04,
  SUBSECTION: 0x05,
  VMDESCRIPTION: 0x06,
  CONFIGURATION: 0x07,
  COMMAND: 0x08,
  SECTION_FOOTER: 0x7e,
} as const;

/** Numbers of the commands. */
export const Command = {
  OPEN_RETURN_PATH: 1,
  PING: 2,
  POSTCOPY_ADVISE: 3,
  POSTCOPY_LISTEN: 4,
  POSTCOPY_RUN: 5,
  POSTCOPY_RAM_DISCARD: 6,
  PACKAGED: 7,
  ENABLE_COLO: 8,
  POSTCOPY_RESUME: 9,
  RECV_BITMAP: 10,
  SWITCHOVER_START: 11,
} as const;

/** The section of guest memory. */
export const RAM_SECTION = { name: "ram", instanceId: 0, version: 4 } as const;

/** Header of a START or FULL section, after its type byte. */
export interface SectionHeader {
  /** Unique in the stream; PART, END and footers repeat it. */
  readonly sectionId: number;
  /** idstr: "<bus path>/<vmsd name>", or the bare name. */
  readonly name: string;
  readonly instanceId: number;
  readonly version: number;
}

/** Writes magic and version. */
export function writeStreamHeader(sink: Sink): void {
  sink.u32(STREAM_MAGIC);
  sink.u32(STREAM_VERSION);
}

/**
 * Reads magic and version.
 *
 * @throws {MigrationStreamError} when they are not supported
 */
export function readStreamHeader(source: Source): void {
  const at = source.offset;
  const magic = source.u32();
  if (magic !== STREAM_MAGIC) {
    throw problemAt(
      `not a migration stream: magic ${hex(magic)}, not ${hex(STREAM_MAGIC)}`,
      at,
    );
  }
  const version = source.u32();
  if (version === STREAM_VERSION) return;
  throw problemAt(
    version === OBSOLETE_STREAM_VERSION
      ? "stream format version 2 is obsolete and no longer supported"
      : `unsupported stream format version ${version}`,
    at + 4,
  );
}

/** The types of sections and their pieces. */
export type SectionType = "start" | "part" | "end" | "full";

/** Their type bytes. */
const TYPE_BYTES: Readonly<Record<SectionType, number>> = {
  start: RecordType.SECTION_START,
  part: RecordType.SECTION_PART,
  end: RecordType.SECTION_END,
  full: RecordType.SECTION_FULL,
};

/** Writes the header of a payload; for PART and END only the id. */
export function writeSectionHeader(
  sink: Sink,
  type: SectionType,
  { sectionId, name, instanceId, version }: SectionHeader,
): void {
  sink.u8(TYPE_BYTES[type]);
  sink.u32(sectionId);
  if (type === "part" || type === "end") return;
  sink.countedString(name);
  sink.u32(instanceId);
  sink.u32(version);
}

/** Reads the header of a START or FULL section after its type byte. */
export function readSectionHeader(source: Source): SectionHeader {
  return {
    sectionId: source.u32(),
    name: source.countedString(),
    instanceId: source.u32(),
    version: source.u32(),
  };
}

/** Writes the footer that ends every section. */
export function writeSectionFooter(sink: Sink, sectionId: number): void {
  sink.u8(RecordType.SECTION_FOOTER);
  sink.u32(sectionId);
}

/** Writes EOF and the vmdesc, if there is one. */
export function writeEnd(sink: Sink, vmdesc: Uint8Array | undefined): void {
  sink.u8(RecordType.EOF);
  if (vmdesc === undefined) return;
  sink.u8(RecordType.VMDESCRIPTION);
  sink.u32(vmdesc.length);
  sink.bytes(vmdesc);
}

/** A command between sections. */
export interface StreamCommand {
  readonly command: number;
  readonly payload: Uint8Array;
}

/** The valid payload lengths of a command; any length if absent. */
const PAYLOAD_LENGTHS: Readonly<Record<number, readonly number[]>> = {
  [Command.OPEN_RETURN_PATH]: [0],
  [Command.PING]: [4],
  [Command.POSTCOPY_ADVISE]: [0, 16],
  [Command.POSTCOPY_LISTEN]: [0],
  [Command.POSTCOPY_RUN]: [0],
  [Command.PACKAGED]: [4],
  [Command.ENABLE_COLO]: [0],
  [Command.POSTCOPY_RESUME]: [0],
  [Command.SWITCHOVER_START]: [0],
};

/** Writes a command with its type byte. */
export function writeCommand(sink: Sink, command: StreamCommand): void {
  sink.u8(RecordType.COMMAND);
  sink.u16(command.command);
  sink.u16(command.payload.length);
  sink.bytes(command.payload);
}

/**
 * Reads a command after its type byte.
 *
 * @throws {MigrationStreamError} when the command is unknown, or its length is
 * not valid
 */
export function readCommand(source: Source): StreamCommand {
  const at = source.offset;
  const command = source.u16();
  if (
    command < Command.OPEN_RETURN_PATH || command > Command.SWITCHOVER_START
  ) {
    throw problemAt(`unknown command ${command}`, at);
  }
  const length = source.u16();
  const allowed = PAYLOAD_LENGTHS[command];
  if (allowed !== undefined && !allowed.includes(length)) {
    throw problemAt(
      `command ${command} has ${length} bytes, not ${allowed.join(" or ")}`,
      at + 2,
    );
  }
  return { command, payload: source.bytes(length) };
}
