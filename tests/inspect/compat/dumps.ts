/** Dumps written by hand. */

import { type Dump, parseDump } from "../../../lib/inspect/compat/mod.ts";

/** A field or description as a dump has it. */
export type Member = Readonly<Record<string, unknown>>;

/** A field; 4 bytes unless something else is said. */
export function field(name: string, more: Member = {}): Member {
  return {
    field: name,
    version_id: 0,
    field_exists: false,
    size: 4,
    ...more,
  };
}

/** A description of version 1 unless something else is said. */
export function vmsd(
  name: string,
  fields: readonly Member[],
  more: Member = {},
): Member {
  return {
    name,
    version_id: 1,
    minimum_version_id: 1,
    ...fields.length === 0 ? {} : { Fields: fields },
    ...more,
  };
}

/** The text of a dump of these types. */
export function dumpText(
  types: Readonly<Record<string, Member>>,
  machine = "box-1.0",
): string {
  return JSON.stringify({
    vmschkmachine: { Name: machine },
    ...Object.fromEntries(
      Object.entries(types).map(([type, Description]) => [type, {
        Name: type,
        version_id: Description["version_id"],
        minimum_version_id: Description["minimum_version_id"],
        Description,
      }]),
    ),
  });
}

/** A dump of these types. */
export function dump(
  types: Readonly<Record<string, Member>>,
  machine?: string,
): Dump {
  return parseDump(dumpText(types, machine), "test.json");
}
