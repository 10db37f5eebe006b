import type { DecodedField, DecodedStruct } from "../migration/stream/mod.ts";
import { UniqueNames } from "./unique_names.ts";

/** A field under the name that it has in its struct alone. */
export interface Member {
  readonly key: string;
  readonly field: DecodedField;
}

/** A subsection under a name that no field of its struct has. */
export interface SubsectionMember {
  readonly key: string;
  readonly struct: DecodedStruct;
}

/**
 * Names the fields of a struct, then its subsections. QEMU makes names unique;
 * where another sender did not, a number is added: `x`, `x#2`.
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
