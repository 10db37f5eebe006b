import { keysOf, type OptionValue, withValue } from "../../../cmdline/mod.ts";
import type { CommandDraft } from "../draft.ts";
import type { Rule } from "../rule.ts";

const WHY = "guest RAM is there already; touching every page of it again " +
  "would lengthen the downtime by about 0.3 s for each GB";

/**
 * Leaves out the allocation of guest RAM in advance, but for huge pages, where
 * it costs next to nothing and says that they must not run out.
 */
export const allocateNothing: Rule = (draft, { live }) => {
  const huge = hugeBackends(draft, live.hugePageMounts);
  for (const argument of draft.of("object")) {
    const value = keysOf(argument);
    if (!isBackend(value) || value.boolean("prealloc") !== true) continue;
    if (huge.includes(value.get("id") ?? "")) continue;
    const rest = value.without("prealloc").toString();
    draft.replace(argument, withValue(argument, rest).words, WHY);
  }
  if (huge.length > 0 || hasHugePath(draft, live.hugePageMounts)) return;
  for (const argument of draft.of("mem-prealloc")) draft.remove(argument, WHY);
};

function isBackend(object: OptionValue): boolean {
  return object.get("qom-type")?.startsWith("memory-backend-") === true;
}

/** Ids of the memory backends that are made of huge pages. */
function hugeBackends(
  draft: CommandDraft,
  mounts: readonly string[],
): string[] {
  return draft.of("object").map((argument) => keysOf(argument))
    .filter((object) => isBackend(object) && isHuge(object, mounts))
    .map((object) => object.get("id") ?? "");
}

function isHuge(backend: OptionValue, mounts: readonly string[]): boolean {
  return backend.boolean("hugetlb") === true ||
    isUnder(backend.get("mem-path"), mounts);
}

function hasHugePath(draft: CommandDraft, mounts: readonly string[]): boolean {
  return draft.of("mem-path").some(({ value }) => isUnder(value, mounts));
}

function isUnder(path: string | undefined, mounts: readonly string[]): boolean {
  return path !== undefined &&
    mounts.some((mount) => path === mount || path.startsWith(`${mount}/`));
}
