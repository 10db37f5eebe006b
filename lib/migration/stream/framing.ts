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
  /** Unique in one stream only; PART, END and footers repeat it. */
  readonly sectionId: number;
  readonly idstr: string;
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
 * @throws {MigrationStreamError} when they are not those of a stream that can
 * be read
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

/** Writes the header of a START or FULL section, type byte included. */
export function writeSectionHeader(
  sink: Sink,
  type: typeof RecordType.SECTION_START | typeof RecordType.SECTION_FULL,
  header: SectionHeader,
): void {
  sink.u8(type);
  sink.u32(header.sectionId);
  sink.countedString(header.idstr);
  sink.u32(header.instanceId);
  sink.u32(header.version);
}

/** Reads the header of a START or FULL section after its type byte. */
export function readSectionHeader(source: Source): SectionHeader {
  return {
    sectionId: source.u32(),
    idstr: source.countedString(),
    instanceId: source.u32(),
    version: source.u32(),
  };
}

/** Writes the footer that ends every section. */
export function writeSectionFooter(sink: Sink, sectionId: number): void {
  sink.u8(RecordType.SECTION_FOOTER);
  sink.u32(sectionId);
}

/**
 * Reads a section's footer.
 *
 * @throws {MigrationStreamError} when it is missing or names another section
 */
export function readSectionFooter(
  source: Source,
  header: SectionHeader,
): void {
  const location = {
    section: header.idstr,
    instance: header.instanceId,
    offset: source.offset,
  };
  const type = source.u8();
  if (type !== RecordType.SECTION_FOOTER) {
    throw new MigrationStreamError(
      `missing section footer: ${hex(type)} found where the section should end`,
      location,
    );
  }
  const sectionId = source.u32();
  if (sectionId !== header.sectionId) {
    throw new MigrationStreamError(
      `mismatched section id in footer: read ${hex(sectionId)}, expected ` +
        hex(header.sectionId),
      location,
    );
  }
}
