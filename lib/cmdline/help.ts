/**
 * What `-help` of a QEMU says about its options. Distributions add options of
 * their own, which only their program can tell.
 *
 * ```
 * -id n           set the VMID         takes a value: there is one before column 16
 * -snapshot       write to temporary   takes none
 * -xen-domid-restrict     restrict     takes none: more than one space follows
 * -readconfig <file>                   takes a value
 * ```
 *
 * @module
 */

import type { OptionSpec, OptionTable } from "./options.ts";

/** Where descriptions begin, if the option is short enough. */
const COLUMN = 16;
/** A name, and what comes after it in the line. */
const OPTION = /^--?([a-zA-Z][\w-]{0,62})(?=\s|$)(.*)$/;

/**
 * The options that a help lists, each on a line of its own.
 *
 * @example
 * ```ts
 * import { optionsInHelp } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const options = optionsInHelp("-id n           set the VMID\n");
 * assertEquals(options.get("id"), { takesValue: true });
 * ```
 */
export function optionsInHelp(help: string): OptionTable {
  const options = new Map<string, OptionSpec>();
  for (const line of help.split("\n")) {
    const [, name, rest = ""] = OPTION.exec(line) ?? [];
    if (name === undefined || options.has(name)) continue;
    const before = COLUMN - (line.length - rest.length);
    const takesValue = before > 1
      ? rest.slice(0, before).trim() !== ""
      : /^ \S/.test(rest);
    options.set(name, { takesValue });
  }
  return options;
}
