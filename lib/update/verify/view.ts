/**
 * A view is a part of a VM, read out of the replies of one moment: objects of
 * one kind by their names, each with its values by their paths.
 *
 * @module
 */

import { isObject, type Json } from "../../qmp/mod.ts";
import type { QueryName, Replies } from "./queries.ts";

/** The values of an object by their paths, such as "cache.direct". */
export type Fields = ReadonlyMap<string, string>;

/** The objects of one kind by their names. */
export type Objects = ReadonlyMap<string, Fields>;

/** A part of a VM. */
export interface View {
  /** What messages call one of its objects. */
  readonly kind: string;
  /** The queries that it needs; without the first it says nothing. */
  readonly from: readonly QueryName[];
  readonly of: (replies: Replies) => Objects;
}

/** Flattens the objects of a reply. */
export function objectsOf(
  objects: Iterable<readonly [name: string, value: Json]>,
): Objects {
  return new Map(
    [...objects].map(([name, value]) => [name, flatten(value)]),
  );
}

/**
 * Every scalar of a reply, by its path. An element of an array that has a name
 * is identified by it rather than by its index.
 */
export function flatten(value: Json): Fields {
  const fields = new Map<string, string>();
  walk(value, "", fields);
  return fields;
}

function walk(value: Json, path: string, fields: Map<string, string>): void {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      walk(element, `${path}[${nameOf(element) ?? index}]`, fields);
    }
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      walk(member, path === "" ? key : `${path}.${key}`, fields);
    }
  } else fields.set(path, shown(value));
}

function nameOf(element: Json): string | undefined {
  if (!isObject(element)) return undefined;
  const name = element["name"] ?? element["child"];
  return typeof name === "string" ? name : undefined;
}

function shown(value: string | number | bigint | boolean | null): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
