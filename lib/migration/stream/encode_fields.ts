import type { Sink } from "../../stream/mod.ts";
import { POINTER_NULL, POINTER_PRESENT } from "../../vmstate/mod.ts";
import { RecordType } from "./constants.ts";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "./decoded.ts";
import { wireType } from "./wire_types.ts";

/**
 * Writes fields, then subsections.
 *
 * @throws {TypeError | RangeError} when a value does not have its field's type
 */
export function encodeBody(sink: Sink, struct: DecodedStruct): void {
  for (const field of struct.fields) encodeField(sink, field);
  for (const sub of struct.subsections) {
    sink.u8(RecordType.SUBSECTION);
    sink.countedString(sub.vmsd);
    sink.u32(sub.version);
    encodeBody(sink, sub);
  }
}

function encodeField(sink: Sink, field: DecodedField): void {
  const { type, value } = field;
  if (!field.isArray || !Array.isArray(value)) {
    return encodeValue(sink, type, value);
  }
  for (const element of value) {
    if (element === null) sink.u8(POINTER_NULL);
    else {
      if (field.hasMarkers) sink.u8(POINTER_PRESENT);
      encodeValue(sink, type, element);
    }
  }
}

function encodeValue(sink: Sink, type: string, value: DecodedValue): void {
  if (isStruct(value)) encodeBody(sink, value);
  else wireType(type).save(sink, value);
}
