import type { Configuration } from "./configuration.ts";
import { RAM_SECTION } from "./framing.ts";
import type { RamBlock } from "./ram_block.ts";
import { RamReader } from "./ram_records.ts";
import { RecordReader } from "./records.ts";

/** The start of a stream, which does not depend on its devices. */
export interface StreamSetup {
  /** Absent if the sender is configured not to send it. */
  readonly configuration: Configuration | undefined;
  /** The RAMBlock list in the START section of RAM. */
  readonly blocks: readonly RamBlock[];
}

/**
 * Reads the start of a stream, as in the file of a migration in pre-switchover:
 * header, configuration, and the RAMBlock list. Devices before RAM (virtio-mem)
 * are skipped.
 *
 * @throws {StreamError} when it is malformed, or has no RAMBlock list
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
    const ram = new RamReader(reader.source, reader.layout);
    const blocks = ram.readBlocks();
    ram.readPages({});
    return { configuration: reader.configuration, blocks };
  }
  throw reader.problem("it ends before the list of RAM blocks");
}
