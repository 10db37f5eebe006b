import type { DecodedValue } from "../migration/stream/mod.ts";

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

function sameElement(a: DecodedValue, b: DecodedValue | undefined): boolean {
  return b !== undefined && sameValue(a, b);
}
