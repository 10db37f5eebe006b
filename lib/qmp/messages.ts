/** The messages of QMP itself: greeting, event, reply. */

import { clipped } from "../inert.ts";
import type { QmpEvent } from "./events.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** Bounds of texts that are shown; those of QEMU are shorter. */
export const LONGEST_NAME = 255;
export const LONGEST_DESCRIPTION = 4096;
/** QEMU offers one. */
const MAX_CAPABILITIES = 64;

/** A version of QEMU. */
export interface QemuVersion {
  /** 11 of 11.1.2. */
  readonly major: number;
  /** 1 of 11.1.2. */
  readonly minor: number;
  /** 2 of 11.1.2. */
  readonly micro: number;
  /** The distribution's version, such as "Debian 1:11.1.2+ds-3"; or "". */
  readonly package: string;
}

/** The first message of a monitor. */
export interface Greeting {
  /** The version of the program that greets. */
  readonly version: QemuVersion;
  /** Such as "oob". */
  readonly capabilities: readonly string[];
}

/** The error member of a reply. */
export interface ReplyError {
  readonly errorClass: string;
  readonly description: string;
}

/** The reply to a command: a value or a failure. */
export interface Reply {
  readonly id: Json | undefined;
  readonly value?: Json;
  readonly failure?: ReplyError;
}

function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Reads `{"QMP": {"version": …, "capabilities": […]}}`. */
export function parseGreeting(message: JsonObject): Greeting | undefined {
  const qmp = message["QMP"];
  if (!isObject(qmp) || !isObject(qmp["version"])) return undefined;
  const { qemu, package: packaged } = qmp["version"];
  if (!isObject(qemu)) return undefined;
  const { major, minor, micro } = qemu;
  if (!isCount(major) || !isCount(minor) || !isCount(micro)) return undefined;
  if (typeof packaged !== "string") return undefined;
  if (!Array.isArray(qmp["capabilities"])) return undefined;
  return {
    version: {
      ...{ major, minor, micro },
      package: clipped(packaged, LONGEST_NAME),
    },
    capabilities: qmp["capabilities"].filter((it) => typeof it === "string")
      .slice(0, MAX_CAPABILITIES),
  };
}

/** Reads `{"event": …, "timestamp": …, "data": …}`. */
export function parseEvent(message: JsonObject): QmpEvent | undefined {
  const { event, timestamp, data = {} } = message;
  if (typeof event !== "string" || !isObject(data)) return undefined;
  if (!isObject(timestamp)) return undefined;
  const { seconds, microseconds } = timestamp;
  // Both are -1 if QEMU cannot read the clock.
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(microseconds)) {
    return undefined;
  }
  return {
    name: event,
    data,
    timestamp: { seconds: Number(seconds), microseconds: Number(microseconds) },
  };
}

/** Reads `{"return": …, "id": …}` or `{"error": …, "id": …}`. */
export function parseReply(message: JsonObject): Reply | undefined {
  const { id, return: value, error } = message;
  if (error === undefined) {
    return value === undefined ? undefined : { id, value };
  }
  const failure = value === undefined ? parseError(error) : undefined;
  return failure === undefined ? undefined : { id, failure };
}

/** Reads `{"class": …, "desc": …}`. */
function parseError(error: Json | undefined): ReplyError | undefined {
  if (!isObject(error)) return undefined;
  const { class: errorClass, desc } = error;
  if (typeof errorClass !== "string" || typeof desc !== "string") {
    return undefined;
  }
  return {
    errorClass: clipped(errorClass, LONGEST_NAME),
    description: clipped(desc, LONGEST_DESCRIPTION),
  };
}
