import { keysOf } from "../../../cmdline/mod.ts";
import type { Rule } from "../rule.ts";

/** What a process keeps over an exec, and mostly cannot do again. */
const DONE: Readonly<Record<string, string>> = {
  user: "the process runs as that user already and may not change again",
  chroot: "the process is inside that directory already",
};

/** Leaves out the changes of user and root that the process went through. */
export const keepIdentity: Rule = (draft) => {
  for (const [key, why] of Object.entries(DONE)) {
    for (const argument of draft.of("run-with")) {
      if (keysOf(argument).has(key)) draft.removeKey(argument, key, why);
    }
  }
};
