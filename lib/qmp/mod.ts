/** QMP, QEMU's monitor protocol: client and server. */

export type { DuplicateOptions, Fd } from "../../ffi/fd.ts";
export type { FileStatus } from "../../ffi/file_status.ts";
export * from "./arguments.ts";
export { type ConnectOptions, QmpClient } from "./client.ts";
export type { CommandTable } from "./conversation.ts";
export type { Patience } from "./deadline.ts";
export * from "./errors.ts";
export { EventWatch, microsecondsBetween } from "./events.ts";
export type { QmpEvent, QmpTimestamp } from "./events.ts";
export type { ExecuteOptions, Executor } from "./executor.ts";
export { isObject, parseJson, stringifyJson } from "./json.ts";
export type { Json, JsonObject } from "./json.ts";
export type { Greeting, QemuVersion } from "./messages.ts";
export { type Listening, QmpListenError, QmpServer } from "./server.ts";
export { showAddress } from "./transport.ts";
export type { Peer, QmpAddress, Transport } from "./transport.ts";
