/**
 * /proc/PID/environ: the environment that a process was started with, as
 * NAME=VALUE, each followed by a NUL.
 *
 * @module
 */

import { MAXIMUM_WORDS } from "./cmdline.ts";
import { readProcText } from "./file.ts";

/** The variables by name; an entry without a name is left out. */
export function parseEnvironment(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of text.split("\0")) {
    const equals = entry.indexOf("=");
    if (equals > 0) variables[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  return variables;
}

/** Reads the text, for {@linkcode parseEnvironment}. */
export async function readEnvironment(pid: number): Promise<string> {
  return await readProcText(pid, "environ", MAXIMUM_WORDS);
}
