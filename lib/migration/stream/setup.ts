import { Source } from "../../stream/mod.ts";
import { loadState } from "../../vmstate/mod.ts";
import {
  type Configuration,
  configurationOf,
  configurationState,
} from "./configuration.ts";
import { RAM_SECTION, RecordType } from "./constants.ts";
import { readSectionHeader, readStreamHeader } from "./framing.ts";
import { PLAIN_RAM_LAYOUT, type RamBlock } from "./ram_block.ts";
import { RamReader } from "./ram_records.ts";

/** What a stream says before anything of it depends on its devices. */
export interface StreamSetup {
  readonly configuration: Configuration;
  /** The RAM blocks of its START record; undefined if another section is first. */
  readonly blocks: readonly RamBlock[] | undefined;
}

/**
 * Reads the beginning of a stream, as it stands in the file while a migration
 * waits in pre-switchover: header, configuration, and the list of RAM blocks.
 *
 * @throws {StreamError} when it is not that
 */
export function readStreamSetup(bytes: Uint8Array): StreamSetup {
  const source = new Source(bytes);
  readStreamHeader(source);
  if (source.peek() !== RecordType.CONFIGURATION) {
    return { configuration: { machine: "" }, blocks: undefined };
  }
  source.skip(1);
  const configuration = configurationOf(loadState(configurationState, source));
  return { configuration, blocks: readBlocks(source) };
}

function readBlocks(source: Source): readonly RamBlock[] | undefined {
  if (source.peek() !== RecordType.SECTION_START) return undefined;
  source.skip(1);
  if (readSectionHeader(source).idstr !== RAM_SECTION.idstr) return undefined;
  const reader = new RamReader(PLAIN_RAM_LAYOUT);
  reader.readStart(source, { page: () => undefined });
  return reader.blocks;
}
