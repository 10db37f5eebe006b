import { isObject, type Json } from "../../qmp/mod.ts";

/** The values of a reply by their paths, such as "cache.direct". */
export type Fields = ReadonlyMap<string, string>;

/**
 * Every scalar of a reply, by its path. An element of an array that has a name
 * is identified by it rather than by its index.
 */
export function flatten(value: Json): Fields {
  return new Map(walk(value, ""));
}

function* walk(value: Json, path: string): Iterable<[string, string]> {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      yield* walk(element, `${path}[${nameOf(element) ?? index}]`);
    }
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      yield* walk(member, path === "" ? key : `${path}.${key}`);
    }
  } else yield [path, shown(value)];
}

function nameOf(element: Json): string | undefined {
  if (!isObject(element)) return undefined;
  const name = element["name"] ?? element["child"];
  return typeof name === "string" ? name : undefined;
}

function shown(value: string | number | bigint | boolean | null): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
