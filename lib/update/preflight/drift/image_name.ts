/**
 * Image files by name, as a command line and the monitor write them.
 *
 * ```
 *   /a.img    file:/a.img    json:{"driver": "raw", "file": {"filename": "/a.img"}}
 * ```
 *
 * The monitor writes JSON where an option matters that a name cannot tell.
 *
 * @module
 */

import { isObject, type Json, parseJson } from "../../../qmp/mod.ts";

/** As deep as filters and formats are stacked, and more. */
const MAX_DEPTH = 32;

/** The file under all formats and filters; undefined where there is none. */
export function fileUnder(name: string): string | undefined {
  if (!name.startsWith("json:")) return name.replace(/^file:/, "");
  let node: Json | undefined;
  try {
    node = parseJson(name.slice("json:".length));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // cut off by QEMU
    throw error;
  }
  for (let depth = 0; depth < MAX_DEPTH && isObject(node); depth++) {
    const { filename } = node;
    if (typeof filename === "string") return fileUnder(filename);
    node = node["file"];
  }
  return undefined;
}

/**
 * Whether a name is that of a protocol such as nbd, which QEMU may write in
 * another way than it was given.
 */
export function isUrl(name: string): boolean {
  return /^[^/:]+:/.test(name);
}
