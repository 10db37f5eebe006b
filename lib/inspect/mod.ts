/** Decodes, shows, compares and verifies state files. @module */

export * from "./description.ts";
export * from "./diff.ts";
export * from "./diff_json.ts";
export {
  type BlockDifference,
  isIncomparable,
  type PageDifference,
} from "./diff_ram.ts";
export * from "./error.ts";
export * from "./extract_ram.ts";
export * from "./find_fields.ts";
export * from "./find_page.ts";
export type { Input } from "./input.ts";
export * from "./open_cpr_state.ts";
export * from "./open_input.ts";
export * from "./inspection.ts";
export { type WorkDone, writeErrorJson, writeJson } from "./json.ts";
export type { Leaf, Scalar } from "./members.ts";
export { selectSections } from "./select_sections.ts";
export * from "./set_field.ts";
export * from "./tree.ts";
export { uuidText } from "../migration/stream/mod.ts";
export * from "./verify.ts";
