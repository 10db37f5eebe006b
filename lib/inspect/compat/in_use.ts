/** The devices of a VM, from its stream or its monitor. @module */

import { type DecodedStruct, isStruct } from "../../migration/stream/mod.ts";
import type { InspectedSection } from "../inspection.ts";

/** A section in a stream, or several that look the same. */
export interface SentSection {
  readonly version: number;
  /** Names of its fields; undefined if the stream does not have them. */
  readonly fields: ReadonlySet<string> | undefined;
  /** Versions of all subsections, also those of nested structs. */
  readonly subsections: ReadonlyMap<string, number>;
}

/** The device types of a VM, or its descriptions by name. */
export type InUse =
  | { readonly types: ReadonlySet<string> }
  | { readonly sections: ReadonlyMap<string, readonly SentSection[]> };

/** The descriptions in a stream. */
export function sectionsInUse(sections: readonly InspectedSection[]): InUse {
  const found = new Map<string, SentSection[]>();
  for (const { name, version, state } of sections) {
    const struct = state !== undefined && isStruct(state) ? state : undefined;
    // Without VMState only the last part of the section's name is known.
    const vmsd = struct?.vmsd ?? name.slice(name.lastIndexOf("/") + 1);
    const fields = struct === undefined
      ? undefined
      : new Set(struct.fields.map(({ name }) => name.replace(NUMBERED, "")));
    const sent = { version: struct?.version ?? version, fields };
    const alike = found.get(vmsd) ?? [];
    found.set(vmsd, alike);
    const before = alike.find((it) => isAlike(it, sent));
    const subsections = new Map(before?.subsections);
    if (struct !== undefined) collectSubsections(struct, subsections);
    if (before !== undefined) alike.splice(alike.indexOf(before), 1);
    alike.push({ ...sent, subsections });
  }
  return { sections: found };
}

/** QEMU's suffix for a name that occurs twice in a description. */
const NUMBERED = /\[\d+\]$/;

type Shape = Pick<SentSection, "version" | "fields">;

function isAlike(a: Shape, b: Shape): boolean {
  if (a.version !== b.version) return false;
  if (a.fields === undefined || b.fields === undefined) {
    return a.fields === b.fields;
  }
  return a.fields.size === b.fields.size && a.fields.isSubsetOf(b.fields);
}

function collectSubsections(
  struct: DecodedStruct,
  into: Map<string, number>,
): void {
  for (const { value } of struct.fields) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (isStruct(part)) collectSubsections(part, into);
    }
  }
  for (const sub of struct.subsections) {
    into.set(sub.vmsd, Math.max(sub.version, into.get(sub.vmsd) ?? 0));
    collectSubsections(sub, into);
  }
}

/**
 * The types in the human monitor's `info qom-tree`: each line is an object's
 * name and, in parentheses, its type.
 */
export function typesInUse(lines: readonly string[]): InUse {
  const types = new Set<string>();
  for (const line of lines) {
    const type = /\(([^()]+)\)\s*$/.exec(line)?.[1];
    if (type !== undefined) types.add(type);
  }
  return { types };
}
