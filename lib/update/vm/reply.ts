/** Replies of a monitor, of which nothing is taken for granted. */

import { isObject, type Json } from "../../qmp/mod.ts";

/** The members of a reply; none where it is not an object. */
export function asObject(reply: Json): { [key: string]: Json | undefined } {
  return isObject(reply) ? reply : {};
}

/** The elements of a reply; none where it is not an array. */
export function asArray(reply: Json | undefined): Json[] {
  return Array.isArray(reply) ? reply : [];
}

/** A member that is text. */
export function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
