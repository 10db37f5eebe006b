import { keysOf, withValue } from "../../../cmdline/mod.ts";
import type { Rule } from "../rule.ts";

/**
 * Names the generation id that the guest knows: a new one, as each program
 * makes for "auto", would tell the guest that it is a copy of a VM.
 */
export const keepGenerationId: Rule = (draft, { facts: { generationId } }) => {
  if (generationId === undefined) return;
  for (const argument of draft.of("device")) {
    const value = keysOf(argument);
    if (value.get("driver") !== "vmgenid" || value.get("guid") !== "auto") {
      continue;
    }
    draft.replace(
      argument,
      withValue(argument, value.with("guid", generationId).toString()).words,
      "another generation id would tell the guest that it is a copy",
    );
  }
};
