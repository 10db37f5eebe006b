import type { Rule } from "../rule.ts";
import { shown } from "../shown.ts";

/** QEMU has no way to append to the file of -D. */
export const logFile: Rule = (draft) => {
  const argument = draft.of("D").at(-1);
  if (argument === undefined) return;
  draft.warn(
    `The new program empties the log of "${shown(argument.words)}" at its ` +
      "start",
    "Copy the log if it is needed",
  );
};
