/** Migration: stream, modes, parameters, the state machine. @module */

export * from "./blockers.ts";
export * from "./capabilities.ts";
export * from "./cpr_exec.ts";
export * from "./cpr_transfer.ts";
export * from "./error.ts";
export * from "./global_state.ts";
export * from "./host.ts";
export * from "./incoming.ts";
export * from "./notifiers.ts";
export * from "./outgoing.ts";
export * from "./parameters.ts";
export * from "./run_state.ts";
export * from "./status.ts";
export {
  Command,
  type DecodedRecord,
  decodeStream,
  type RamBlock,
  readStreamSetup,
  StreamWriter,
} from "./stream/mod.ts";
