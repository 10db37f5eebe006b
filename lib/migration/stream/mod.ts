/** The migration stream: sections, guest memory, description. @module */

export { type StreamCommand } from "./commands.ts";
export {
  type Configuration,
  configurationBody,
  configurationOf,
  configurationState,
} from "./configuration.ts";
export {
  Command,
  RAM_SECTION,
  RecordType,
  STREAM_MAGIC,
  STREAM_VERSION,
} from "./constants.ts";
export { MigrationStreamError, type StreamLocation } from "./error.ts";
export { loadStream, type LoadTarget, type SaveStateEntry } from "./loader.ts";
export { type MappedBlock, type RamBlock } from "./ram_block.ts";
export { type IncomingRam } from "./ram_load.ts";
export { qemuJson } from "./vmdesc_text.ts";
export { type OutgoingSection, StreamWriter } from "./writer.ts";
