/** The migration stream: sections, guest memory, description. @module */

export * from "./configuration.ts";
export * from "./decode.ts";
export * from "./decoded.ts";
export * from "./encode.ts";
export * from "./error.ts";
export * from "./framing.ts";
export { hasLayout } from "./layouts/layouts.ts";
export * from "./layouts/meanings.ts";
export * from "./loader.ts";
export * from "./page_runs.ts";
export * from "./ram_block.ts";
export * from "./ram_load.ts";
export * from "./ram_records.ts";
export * from "./ram_statistics.ts";
export * from "./records.ts";
export * from "./setup.ts";
export * from "./vmdesc.ts";
export * from "./vmdesc_text.ts";
export * from "./wire_types.ts";
export * from "./writer.ts";
