import type { ListedVm } from "../host/list.ts";

/** Every name, and those that have none. */
const ALL = "*";

/**
 * The VMs whose name matches a pattern of the shell: `*` is any text, `?` any
 * one character. A VM without a name matches nothing but `*` alone.
 */
export function selectVms(
  vms: readonly ListedVm[],
  pattern: string,
): readonly ListedVm[] {
  if (pattern === ALL) return vms;
  const wanted = expressionOf(pattern);
  return vms.filter(({ name }) => name !== null && wanted.test(name));
}

function expressionOf(pattern: string): RegExp {
  const source = [...pattern].map((character) => {
    if (character === "*") return ".*";
    if (character === "?") return ".";
    return character.replace(/[\\^$.*+?()[\]{}|]/u, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "su");
}
