/** Reads replies of a monitor without trusting their form. */

import { clipped } from "../../inert.ts";
import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
  QmpCommandError,
} from "../../qmp/mod.ts";

/** The members of a reply; none if it is not an object. */
export function asObject(
  reply: Json | undefined,
): { [key: string]: Json | undefined } {
  return reply !== undefined && isObject(reply) ? reply : {};
}

/** The elements of a reply; none if it is not an array. */
export function asArray(reply: Json | undefined): Json[] {
  return Array.isArray(reply) ? reply : [];
}

/** The objects of an array; none if it is not an array. */
export function objectsIn(reply: Json | undefined): JsonObject[] {
  return asArray(reply).filter(isObject);
}

/**
 * The reply to a command; undefined if the program refuses or does not know it.
 */
export async function ifKnown<Reply>(
  reply: Promise<Reply>,
): Promise<Reply | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}

/** What the human monitor prints; nothing if there is none. */
export async function askHuman(
  client: Executor,
  line: string,
): Promise<string> {
  const printed = await ifKnown(
    client.execute("human-monitor-command", { "command-line": line }),
  );
  return text(printed) ?? "";
}

/** Longer than real names of machines and devices. */
const LONGEST_NAME = 255;

/** A name, cut if it is too long; undefined for other values. */
export function nameText(value: Json | undefined): string | undefined {
  return typeof value === "string" ? clipped(value, LONGEST_NAME) : undefined;
}

/** A string; undefined for other values. */
export function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
