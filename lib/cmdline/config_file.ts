/**
 * The file of -readconfig, as the options that it stands for.
 *
 * ```
 * file    = { comment | empty line | group { key } }
 * comment = "#" …
 * group   = "[" name [ " " '"' id '"' ] "]" …
 * key     = name "=" '"' value '"' …
 *
 * [device "net0"]                        -device driver=e1000,netdev=n,id=net0
 *   driver = "e1000"
 *   netdev = "n"
 * ```
 *
 * What follows a closing bracket or quote is ignored, as QEMU does.
 *
 * @module
 */

import { ConfigFileError } from "./errors.ts";
import { KeyvalText } from "./keyval.ts";
import { QEMU_OPTIONS } from "./options.ts";

/** Groups whose option has another name. */
const OPTION_OF: Readonly<Record<string, string>> = {
  memory: "m",
  "smp-opts": "smp",
  "boot-opts": "boot",
};

/** QEMU reads no longer names and lines. */
const MAX_NAME = 63;
const MAX_LINE = 1022;

const GROUP = /^\[([^\s\]"]+)(?:\s+"([^"]+)")?\s*\]/;
const KEY = /^\s*([^\s=,"]+)\s*=\s*"([^"]*)"/;

/** A group while it is read. */
interface Group {
  readonly option: string;
  readonly id: string | undefined;
  readonly keys: Map<string, string>;
}

/**
 * The words of the options that a file stands for.
 *
 * @throws {ConfigFileError} with the number of the line that cannot be read
 *
 * @example
 * ```ts
 * import { configWords } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const file = '[device "net0"]\n  driver = "e1000"\n  netdev = "n"\n';
 * assertEquals(configWords(file), [
 *   "-device",
 *   "driver=e1000,netdev=n,id=net0",
 * ]);
 * ```
 */
export function configWords(text: string): string[] {
  const groups: Group[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const fail = (why: string) => new ConfigFileError(line, at + 1, why);
    if (line.length > MAX_LINE) throw fail("the line is too long");
    const [, name = "", id] = GROUP.exec(line) ?? [];
    if (name !== "") {
      const option = OPTION_OF[name] ?? name;
      if (QEMU_OPTIONS.get(option)?.takesValue !== true) {
        throw fail("unknown group");
      }
      groups.push({ option, id, keys: new Map() });
      continue;
    }
    const [, key = "", value = ""] = KEY.exec(line) ?? [];
    if (key === "") throw fail("neither a group nor a key");
    const group = groups.at(-1);
    if (group === undefined) throw fail("no group before it");
    if (key.length > MAX_NAME) throw fail("the name is too long");
    group.keys.set(key, value);
  }
  return groups.flatMap(({ option, id, keys }) => {
    if (id !== undefined) keys.set("id", id);
    return [`-${option}`, KeyvalText.of(keys).toString()];
  });
}
