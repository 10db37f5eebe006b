// @std/streams as npm carries it (JavaScript without types). With JSR at hand,
// map "@std/streams" in deno.json to the JSR package and delete this file.
// @ts-types="./streams.d.ts"
export * from "npm:deno-std@1.4.0/streams/mod.js";
