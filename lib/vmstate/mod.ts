/** VMState: descriptions as data, and how to load and save by them. @module */

export * from "./arrays.ts";
export { initialValue } from "./body.ts";
export * from "./bytes.ts";
export {
  type Codec,
  type Count,
  type DescriptorCodec,
  type Field,
  field,
  type FieldEntry,
  type FieldOptions,
  type NamedFieldEntry,
  type Siblings,
  type StateContext,
  type VmsdEntry,
} from "./codec.ts";
export * from "./description.ts";
export { InvalidValue, VmstateError, type VmstateLocation } from "./error.ts";
export {
  bool,
  i16,
  i32,
  i32Equal,
  i32Le,
  i64,
  i8,
  u16,
  u16Equal,
  u32,
  u32Equal,
  u64,
  u64Equal,
  u8,
  u8Equal,
} from "./integers.ts";
export * from "./nested.ts";
export * from "./special.ts";
export * from "./state.ts";
export { vmsdJson } from "./vmdesc.ts";
