/**
 * The state of a section as leaves: values by path.
 *
 * @module
 */

import {
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "../migration/stream/mod.ts";
import type { InspectedSection } from "./inspection.ts";
import { membersOf } from "./members.ts";

/** A scalar value. */
export type Scalar = Exclude<DecodedValue, DecodedStruct | DecodedValue[]>;

/** A value with its wire type. */
export interface Leaf {
  readonly type: string;
  readonly value: Scalar;
}

/** The leaves of a section by their paths, such as `sq[3].head`. */
export function leavesOf({ state }: InspectedSection): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  if (state instanceof Uint8Array) {
    leaves.set("data", { type: "buffer", value: state });
  } else if (state !== undefined) addStruct(leaves, "", state);
  return leaves;
}

type Leaves = Map<string, Leaf>;

function addStruct(leaves: Leaves, path: string, struct: DecodedStruct): void {
  const { fields, subsections } = membersOf(struct);
  const prefix = path === "" ? "" : `${path}.`;
  for (const { key, field } of fields) {
    addValue(leaves, prefix + key, field.type, field.value);
  }
  for (const { key, struct: sub } of subsections) {
    addStruct(leaves, prefix + key, sub);
  }
}

function addValue(
  leaves: Leaves,
  path: string,
  type: string,
  value: DecodedValue,
): void {
  if (isStruct(value)) addStruct(leaves, path, value);
  else if (!Array.isArray(value)) leaves.set(path, { type, value });
  else {
    for (const [index, element] of value.entries()) {
      addValue(leaves, `${path}[${index}]`, type, element);
    }
  }
}
