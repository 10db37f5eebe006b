import type { DecodedField, DecodedStruct } from "../migration/stream/mod.ts";
import { UniqueNames } from "./unique_names.ts";

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
