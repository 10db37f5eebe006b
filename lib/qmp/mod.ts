/** QMP, QEMU's monitor protocol: client, messages and JSON. */

export { QmpClient } from "./client.ts";
export type { Patience } from "./deadline.ts";
export * from "./errors.ts";
export { EventWatch, microsecondsBetween } from "./events.ts";
export type { QmpEvent, QmpTimestamp } from "./events.ts";
export { isObject, parseJson, stringifyJson } from "./json.ts";
export type { Json, JsonObject } from "./json.ts";
export type { Greeting, QemuVersion } from "./messages.ts";
export { showAddress } from "./transport.ts";
export type { Peer, QmpAddress } from "./transport.ts";
