import type { Rule } from "../rule.ts";

/** -loadvm would take the guest and its disks back to a snapshot. */
export const loadNoSnapshot: Rule = (draft) => {
  for (const argument of draft.of("loadvm")) {
    draft.remove(argument, "the VM's state is that of the running one");
  }
};
