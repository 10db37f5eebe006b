/** Files of cprctl's own in its run directories. */

import { readForeignFile } from "../../../ffi/foreign_file.ts";
import { ifThereSync } from "../../gone.ts";

export const OWNER_ONLY = 0o600;
/** The journal of a VM with 1000 vCPUs has half of it, for its threads. */
const LONGEST = 4 * 1024 * 1024;

/** Writes a file atomically. */
export async function writeOwnFile(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await Deno.writeTextFile(draft, text, { mode: OWNER_ONLY });
  await Deno.rename(draft, path);
}

/**
 * Reads a file; undefined if there is none.
 *
 * @throws {OsError} when it is no regular file, or too large
 */
export function readOwnFile(path: string): string | undefined {
  return ifThereSync(() =>
    new TextDecoder().decode(readForeignFile(path, LONGEST))
  );
}
