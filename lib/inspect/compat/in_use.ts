/** Which devices a VM has, by its stream or by its monitor. @module */

import { type DecodedStruct, isStruct } from "../../migration/stream/mod.ts";
import type { InspectedSection } from "../inspection.ts";

/** A section, or all of one name, as a stream has it. */
export interface SentSection {
  readonly version: number;
  /** Versions of all subsections, those of structs inside it too. */
  readonly subsections: ReadonlyMap<string, number>;
}

/** What a VM has: types of device, or descriptions by name. */
export type InUse =
  | { readonly types: ReadonlySet<string> }
  | { readonly sections: ReadonlyMap<string, SentSection> };

/** The descriptions that a stream names. */
export function sectionsInUse(sections: readonly InspectedSection[]): InUse {
  const found = new Map<string, SentSection>();
  for (const { state } of sections) {
    if (state === undefined || state instanceof Uint8Array) continue;
    const before = found.get(state.vmsd);
    const subsections = new Map(before?.subsections);
    collectSubsections(state, subsections);
    found.set(state.vmsd, {
      version: Math.max(state.version, before?.version ?? 0),
      subsections,
    });
  }
  return { sections: found };
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
 * The types in what the human monitor prints as `info qom-tree`: each line is
 * an object's name and, in parentheses, its type.
 */
export function typesInUse(lines: readonly string[]): InUse {
  const types = new Set<string>();
  for (const line of lines) {
    const type = /\(([^()]+)\)\s*$/.exec(line)?.[1];
    if (type !== undefined) types.add(type);
  }
  return { types };
}
