import { keysOf, withValue } from "../../../cmdline/mod.ts";
import type { Rule } from "../rule.ts";

/** Names the exact machine type, for an alias means another in another QEMU. */
export const pinMachineType: Rule = (draft, { facts: { machine } }) => {
  if (machine === undefined) return;
  // Of a type that is given several times the last one counts.
  const argument = draft.of("machine")
    .findLast((each) => keysOf(each).has("type"));
  if (argument === undefined) {
    draft.append(
      ["-machine", machine],
      "the default machine type may be another in the new program",
    );
    return;
  }
  const value = keysOf(argument);
  if (value.get("type") === machine) return;
  draft.replace(
    argument,
    withValue(argument, value.with("type", machine).toString()).words,
    `${value.get("type")} is an alias, and the VM is ${machine}`,
  );
};
