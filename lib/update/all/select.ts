import type { ListedVm } from "../host/list.ts";

/** Matches also a VM without a name. */
const ALL = "*";

/**
 * The VMs whose name matches a shell pattern: `*` is any text, `?` any one
 * character. A VM without a name matches only the pattern `*`.
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
