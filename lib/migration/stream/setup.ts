import type { Configuration } from "./configuration.ts";
import { RAM_SECTION } from "./constants.ts";
import type { RamBlock } from "./ram_block.ts";
import { RamReader } from "./ram_records.ts";
import { RecordReader } from "./records.ts";

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
export function readStreamSetup(stream: Uint8Array): StreamSetup {
  const reader = new RecordReader(stream);
  reader.begin();
  for (const record of reader) {
    if (record.type === "command") continue;
    if (record.type === "full") {
      reader.undescribed();
      reader.end();
      continue;
    }
    const { name, version } = record;
    if (name !== RAM_SECTION.name || version !== RAM_SECTION.version) {
      throw reader.problem(
        `version ${version} in place of the list of RAM blocks`,
      );
    }
    const ram = new RamReader(reader.layout);
    ram.readStart(reader.source, {});
    return { configuration: reader.configuration, blocks: ram.blocks };
  }
  throw reader.problem("it ends before the list of RAM blocks");
}
