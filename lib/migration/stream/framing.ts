import type { Sink, Source } from "../../stream/mod.ts";
import {
  OBSOLETE_STREAM_VERSION,
  RecordType,
  STREAM_MAGIC,
  STREAM_VERSION,
} from "./constants.ts";
import { MigrationStreamError } from "./error.ts";
import { hex } from "./hex.ts";

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
    throw new MigrationStreamError(
      `not a migration stream: magic ${hex(magic)}, not ${hex(STREAM_MAGIC)}`,
      { offset: at },
    );
  }
  const version = source.u32();
  if (version === STREAM_VERSION) return;
  throw new MigrationStreamError(
    version === OBSOLETE_STREAM_VERSION
      ? "stream format version 2 is obsolete and no longer supported"
      : `unsupported stream format version ${version}`,
    { offset: at + 4 },
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
