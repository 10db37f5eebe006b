import type {
  DecodedField,
  DecodedStruct,
  DecodedValue,
} from "../migration/stream/mod.ts";

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
  const used = new Set<string>();
  return {
    fields: struct.fields.map((field) => ({
      key: unique(field.name, used),
      field,
    })),
    subsections: struct.subsections.map((sub) => ({
      key: unique(sub.vmsd, used),
      struct: sub,
    })),
  };
}

function unique(name: string, used: Set<string>): string {
  let key = name;
  for (let number = 2; used.has(key); number++) key = `${name}#${number}`;
  used.add(key);
  return key;
}

/** The bytes of a section's state that nothing describes, as a field. */
export function opaqueField(bytes: Uint8Array, offset: number): DecodedField {
  return {
    name: "data",
    type: "buffer",
    isArray: false,
    hasMarkers: false,
    offset,
    size: bytes.length,
    value: bytes,
  };
}

/** Whether two values say the same. */
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

function sameElement(a: DecodedValue, b: DecodedValue | undefined): boolean {
  return b !== undefined && sameValue(a, b);
}
