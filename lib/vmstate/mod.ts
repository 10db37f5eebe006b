/** VMState: descriptions as data, and how to load and save by them. @module */

export {
  allocatedPointerArray,
  array,
  POINTER_NULL,
  POINTER_PRESENT,
  pointerArray,
  varray,
} from "./arrays.ts";
export {
  bitmap,
  buffer,
  msixState,
  pciConfig,
  unused,
  vbuffer,
} from "./bytes.ts";
export {
  type Codec,
  type DescriptorCodec,
  type Field,
  field,
  type FieldOptions,
  type Siblings,
  type StateContext,
} from "./codec.ts";
export {
  type Fields,
  type Hooks,
  type Subsections,
  type Value,
  type VmState,
  vmstate,
  type VmStateOptions,
} from "./description.ts";
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
export { gtree, gtreeDirect, qlist, qtailq, type TreeNode } from "./lists.ts";
export {
  capability,
  double,
  fd,
  pciIrqState,
  type ScsiRequest,
  scsiRequests,
  text,
  timer,
  validate,
} from "./special.ts";
export {
  describeState,
  loadState,
  plainDescriptors,
  saveState,
  type StateOptions,
} from "./state.ts";
export { struct, temporary, versionedStruct } from "./structs.ts";
export { vmsdJson } from "./vmdesc.ts";
export type { FieldEntry, NamedFieldEntry, VmsdEntry } from "./vmdesc_entry.ts";
