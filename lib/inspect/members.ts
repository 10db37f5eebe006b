/**
 * The state of a section: its members by name, its leaves by path, and whether
 * two of its values are equal.
 *
 * @module
 */

import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "../migration/stream/decoded.ts";
import { UniqueNames } from "./unique_names.ts";
import type { InspectedSection } from "./inspection.ts";

/** A field with a name that is unique in its struct. */
export interface Member {
  readonly key: string;
  readonly field: DecodedField;
}

/** A subsection with a name that is unique in its struct. */
export interface SubsectionMember {
  readonly key: string;
  readonly struct: DecodedStruct;
}

/**
 * Names the fields of a struct, then its subsections. QEMU's names are unique;
 * for other senders a number is added: `x`, `x#2`.
 */
export function membersOf(struct: DecodedStruct): {
  fields: Member[];
  subsections: SubsectionMember[];
} {
  const names = new UniqueNames("#");
  return {
    fields: struct.fields.map((field) => ({
      key: names.take(field.name),
      field,
    })),
    subsections: struct.subsections.map((sub) => ({
      key: names.take(sub.vmsd),
      struct: sub,
    })),
  };
}

/** A scalar value. */
export type Scalar = Exclude<DecodedValue, DecodedStruct | DecodedValue[]>;

/** A value with its wire type. */
export interface Leaf {
  readonly type: string;
  readonly value: Scalar;
}

/** Type byte, id, length of the name, instance and version of a section. */
const HEADER_SIZE = 1 + 4 + 1 + 4 + 4;
const encoder = new TextEncoder();

/** A leaf at its place. */
interface PlacedLeaf extends Leaf {
  /** Such as `sq[3].head`. */
  readonly path: string;
  /** In the stream; undefined if not known. */
  readonly offset: number | undefined;
}

/** The leaves of a section by their paths. */
export function leavesOf(section: InspectedSection): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  for (const { path, type, value } of leavesIn(section)) {
    leaves.set(path, { type, value });
  }
  return leaves;
}

/** The leaves of a section, in wire order. */
export function* leavesIn(
  { name, offset, state }: InspectedSection,
): Generator<PlacedLeaf> {
  if (state instanceof Uint8Array) {
    const start = offset + HEADER_SIZE + encoder.encode(name).length;
    yield { path: "data", type: "buffer", value: state, offset: start };
  } else if (state !== undefined) yield* leavesInStruct("", state);
}

function* leavesInStruct(
  path: string,
  struct: DecodedStruct,
): Generator<PlacedLeaf> {
  const { fields, subsections } = membersOf(struct);
  const prefix = path === "" ? "" : `${path}.`;
  for (const { key, field } of fields) {
    const { type, value, offset, size } = field;
    const step = Array.isArray(value) && !field.hasMarkers
      ? size / value.length
      : 0;
    yield* leavesInValue({ path: prefix + key, type, value, offset }, step);
  }
  for (const { key, struct: sub } of subsections) {
    yield* leavesInStruct(prefix + key, sub);
  }
}

/** @param step bytes of each element; 0 if they have no fixed size */
function* leavesInValue(
  { path, type, value, offset }: Omit<PlacedLeaf, "value"> & {
    readonly value: DecodedValue;
  },
  step: number,
): Generator<PlacedLeaf> {
  if (isStruct(value)) yield* leavesInStruct(path, value);
  else if (!Array.isArray(value)) yield { path, type, value, offset };
  else {
    for (const [index, element] of value.entries()) {
      const at = step === 0 || offset === undefined
        ? undefined
        : offset + index * step;
      const place = { path: `${path}[${index}]`, type, offset: at };
      yield* leavesInValue({ ...place, value: element }, 0);
    }
  }
}

/** Bytes that do not have their layout, and why, by their paths. */
export function reasonsOf({ state }: InspectedSection): Map<string, string> {
  const reasons = new Map<string, string>();
  if (state !== undefined && isStruct(state)) addReasons(reasons, "", state);
  return reasons;
}

function addReasons(
  reasons: Map<string, string>,
  prefix: string,
  struct: DecodedStruct,
): void {
  // Names cost time, and hardly ever there is a reason.
  if (!hasReason(struct)) return;
  const { fields, subsections } = membersOf(struct);
  for (const { key, field } of fields) {
    const path = prefix + key;
    if (field.reason !== undefined) reasons.set(path, field.reason);
    for (const [index, inner] of structsIn(field).entries()) {
      const place = field.isArray ? `${path}[${index}].` : `${path}.`;
      addReasons(reasons, place, inner);
    }
  }
  for (const { key, struct: sub } of subsections) {
    addReasons(reasons, `${prefix}${key}.`, sub);
  }
}

function hasReason({ fields, subsections }: DecodedStruct): boolean {
  return fields.some((field) =>
    field.reason !== undefined || structsIn(field).some(hasReason)
  ) || subsections.some(hasReason);
}

/** None for an array of pointers, which no layout has. */
function structsIn({ value }: DecodedField): DecodedStruct[] {
  if (!Array.isArray(value)) return isStruct(value) ? [value] : [];
  const [first] = value;
  return first !== undefined && isStruct(first) ? value.filter(isStruct) : [];
}

/** Whether two values are equal. */
export function sameValue(a: DecodedValue, b: DecodedValue): boolean {
  if (a === b) return true;
  if (
    typeof a !== "object" || typeof b !== "object" || a === null || b === null
  ) {
    return false;
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array &&
      a.length === b.length && a.every((byte, at) => byte === b[at]);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((value, at) => sameElement(value, b[at]));
  }
  return a.vmsd === b.vmsd && a.version === b.version &&
    a.fields.length === b.fields.length &&
    a.subsections.length === b.subsections.length &&
    a.fields.every((field, at) => {
      const other = b.fields[at];
      return other !== undefined && field.name === other.name &&
        field.type === other.type && sameValue(field.value, other.value);
    }) &&
    a.subsections.every((sub, at) => sameElement(sub, b.subsections[at]));
}

/** Likewise for elements of lists; one past the end equals none. */
export function sameElement(
  a: DecodedValue,
  b: DecodedValue | undefined,
): boolean {
  return b !== undefined && sameValue(a, b);
}
