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
export {
  type DecodeOptions,
  decodeStream,
  decodeStreamUpToProblem,
} from "./decode.ts";
export {
  type DecodedField,
  type DecodedRecord,
  type DecodedStream,
  type DecodedStruct,
  type DecodedValue,
  type DecodedVmdesc,
  type DeviceSection,
  isStruct,
  type OpaqueSection,
  type RamSection,
} from "./decoded.ts";
export { encodeParts, encodeStream } from "./encode.ts";
export { MigrationStreamError, type StreamLocation } from "./error.ts";
export { openPackage, type Package } from "./packaged.ts";
export { readStreamHeader } from "./framing.ts";
export { loadStream, type LoadTarget, type SaveStateEntry } from "./loader.ts";
export {
  isKept,
  type MappedBlock,
  mappedRuns,
  PAGE_BITS,
  type RamBlock,
} from "./ram_block.ts";
export { type IncomingRam } from "./ram_load.ts";
export { type CommandRecord } from "./records.ts";
export { type RamBlockStatistics, ramStatistics } from "./ram_statistics.ts";
export { type PageRun, type PageRuns } from "./page_runs.ts";
export { RamFlag } from "./ram_records.ts";
export {
  type DeviceDescription,
  type FieldDescription,
  parseVmdesc,
  type Vmdesc,
  type VmsdDescription,
} from "./vmdesc.ts";
export { qemuJson } from "./vmdesc_text.ts";
export { readStreamSetup, type StreamSetup } from "./setup.ts";
export { hasUnknownParts } from "./wire_types.ts";
export { type OutgoingSection, StreamWriter } from "./writer.ts";
