// @std/assert as npm carries it (JavaScript without types). With JSR at hand,
// map "@std/assert" in deno.json to the JSR package and delete this file.
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
