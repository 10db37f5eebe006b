import { Sink, Source } from "../../stream/mod.ts";
import { loadState } from "../../vmstate/mod.ts";
import { readCommand } from "./commands.ts";
import {
  type Configuration,
  configurationOf,
  configurationState,
} from "./configuration.ts";
import { RAM_SECTION, RecordType } from "./constants.ts";
import { MigrationStreamError } from "./error.ts";
import {
  readSectionHeader,
  readStreamHeader,
  writeSectionFooter,
} from "./framing.ts";
import { hex } from "./hex.ts";
import { PLAIN_RAM_LAYOUT, type RamBlock } from "./ram_block.ts";
import { RamReader } from "./ram_records.ts";

/** What a stream says before anything of it depends on its devices. */
export interface StreamSetup {
  /** Absent where the sender was told to leave it out. */
  readonly configuration: Configuration | undefined;
  /** The RAM blocks of its START record. */
  readonly blocks: readonly RamBlock[];
}

/**
 * Reads the beginning of a stream, as it stands in the file while a migration
 * waits in pre-switchover: header, configuration, and the list of RAM blocks.
 * The few devices that come before RAM (virtio-mem) are passed over.
 *
 * @throws {StreamError} when it is not that; a list that is not found is never
 * an empty one
 */
export function readStreamSetup(bytes: Uint8Array): StreamSetup {
  const source = new Source(bytes);
  readStreamHeader(source);
  const configuration = readConfiguration(source);
  for (;;) {
    const offset = source.offset;
    const type = source.u8();
    switch (type) {
      case RecordType.COMMAND:
        readCommand(source);
        break;
      case RecordType.SECTION_FULL:
        skipEarlyDevice(source, bytes);
        break;
      case RecordType.SECTION_START:
        return { configuration, blocks: readBlocks(source, configuration) };
      default:
        throw new MigrationStreamError(
          `record ${hex(type)} in place of the list of RAM blocks`,
          { offset },
        );
    }
  }
}

function readConfiguration(source: Source): Configuration | undefined {
  if (source.peek() !== RecordType.CONFIGURATION) return undefined;
  source.skip(1);
  return configurationOf(loadState(configurationState, source));
}

function readBlocks(
  source: Source,
  configuration: Configuration | undefined,
): readonly RamBlock[] {
  const offset = source.offset;
  const { idstr, version } = readSectionHeader(source);
  if (idstr !== RAM_SECTION.idstr || version !== RAM_SECTION.version) {
    throw new MigrationStreamError(
      `"${idstr}" version ${version} in place of the list of RAM blocks`,
      { offset },
    );
  }
  const capabilities = configuration?.capabilities ?? [];
  const reader = new RamReader({
    ...PLAIN_RAM_LAYOUT,
    ignoreShared: capabilities.includes("x-ignore-shared"),
    mappedRam: capabilities.includes("mapped-ram"),
  });
  reader.readStart(source, {});
  return reader.blocks;
}

/** What can follow the footer of an early device. */
const FOLLOWERS: readonly number[] = [
  RecordType.SECTION_START,
  RecordType.SECTION_FULL,
  RecordType.COMMAND,
];

/** No vmdesc is there yet to say how long it is: its footer is looked for. */
function skipEarlyDevice(source: Source, bytes: Uint8Array): void {
  const { idstr: section, instanceId: instance, sectionId } = readSectionHeader(
    source,
  );
  const sink = new Sink();
  writeSectionFooter(sink, sectionId);
  const footer = sink.toBytes();
  for (let at = source.offset; at + footer.length < bytes.length; at++) {
    const isFooter = footer.every((byte, index) => bytes[at + index] === byte);
    if (isFooter && FOLLOWERS.includes(bytes[at + footer.length] ?? -1)) {
      return source.seek(at + footer.length);
    }
  }
  throw new MigrationStreamError("its end is not found", {
    section,
    instance,
    offset: source.offset,
  });
}
