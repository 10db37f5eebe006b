/**
 * Paths that two programs cannot use at once: the unix sockets at which
 * the VM listens, and its pidfile. In a cpr-transfer both programs run side by
 * side, so the new one is started with paths of its own, next to the VM's, and
 * takes their place when it has the VM:
 *
 * ```
 * -qmp unix:/run/vm/a.qmp          the VM, until the commit
 * -qmp unix:/run/vm/a.qmp.cprctl   the new program, until the commit
 *                                  then a.qmp.cprctl is renamed to a.qmp
 * ```
 *
 * The command line of a VM that was moved keeps the paths with the suffix, and
 * what is found there is at the paths without it.
 *
 * @module
 */

import { keysOf } from "../../cmdline/mod.ts";
import { DEVICE_OPTIONS, namedSocket } from "./command_line.ts";
import type { CommandDraft, Rule } from "./draft.ts";

const SUFFIX = ".cprctl";

/** Where clients find what a program made at a path. */
export function placeOf(path: string): string {
  return path.endsWith(SUFFIX) ? path.slice(0, -SUFFIX.length) : path;
}

/** Where the new program makes it. */
export function asideOf(path: string): string {
  return `${placeOf(path)}${SUFFIX}`;
}

/** The next program makes its sockets and pidfile where clients find them. */
export const returnPaths: Rule = (draft) => {
  editPaths(draft, placeOf, "the last update renamed it to that path");
};

/** The new program makes its sockets and pidfile next to the VM's. */
export function setPathsAside(draft: CommandDraft): string[] {
  return editPaths(
    draft,
    asideOf,
    "the old program has that path until the commit; then this one is renamed",
  );
}

/** @returns the paths before */
function editPaths(
  draft: CommandDraft,
  edit: (path: string) => string,
  why: string,
): string[] {
  const found: string[] = [];
  for (const argument of draft.of("chardev")) {
    const keys = keysOf(argument);
    const path = keys.get("path");
    const listens = keys.get("backend") === "socket" &&
      keys.boolean("server") === true;
    if (!listens || path === undefined) continue;
    found.push(path);
    if (edit(path) === path) continue;
    draft.setValue(argument, keys.with("path", edit(path)), why);
  }
  for (const argument of draft.of(...DEVICE_OPTIONS)) {
    const { prefix, keys } = namedSocket(argument.value ?? "") ?? {};
    const path = prefix?.endsWith("unix:") ? keys?.get("path") : undefined;
    if (keys?.boolean("server") !== true || path === undefined) continue;
    found.push(path);
    if (edit(path) === path) continue;
    draft.setValue(argument, `${prefix}${keys.with("path", edit(path))}`, why);
  }
  for (const argument of draft.of("pidfile")) {
    const path = argument.value ?? "";
    found.push(path);
    if (edit(path) !== path) draft.setValue(argument, edit(path), why);
  }
  return found;
}
