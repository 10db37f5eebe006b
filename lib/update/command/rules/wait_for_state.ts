import type { Rule } from "../rule.ts";

/** Makes the new program wait, paused, to be told what to load. */
export const waitForState: Rule = (draft) => {
  for (const argument of draft.of("S", "incoming")) {
    draft.remove(argument, "left from an earlier start");
  }
  draft.append(
    ["-S", "-incoming", "defer"],
    "the new program loads the state when it is told to, and the VM starts " +
      "only after the last check",
  );
};
