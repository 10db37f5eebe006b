/** Replies of a monitor, of which nothing is taken for granted. */

import { clipped } from "../../inert.ts";
import { isObject, type Json } from "../../qmp/mod.ts";

/** The members of a reply; none where it is not an object. */
export function asObject(reply: Json): { [key: string]: Json | undefined } {
  return isObject(reply) ? reply : {};
}

/** The elements of a reply; none where it is not an array. */
export function asArray(reply: Json | undefined): Json[] {
  return Array.isArray(reply) ? reply : [];
}

/** Names of machines and devices are shorter, and a person reads them. */
const LONGEST_NAME = 255;

/** A member that is a name, or the beginning of a long one. */
export function nameText(value: Json | undefined): string | undefined {
  return typeof value === "string" ? clipped(value, LONGEST_NAME) : undefined;
}

/** A member that is text. */
export function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
