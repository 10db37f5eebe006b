import { command, textOperand, textValue } from "../command.ts";
import {
  JSON_OPTION,
  LIMIT_OPTION,
  REPORT_OPTION,
  SECTION_NAMES,
} from "../options/shared.ts";

/** `cprctl diff`: compare two saved states. */
export const diffCommand = command({
  name: "diff",
  brief: "Show the differences between two saved states",
  description:
    "Show the differences between two migration streams, or two CPR states, " +
    "by section, instance and field rather than by byte. Guest memory is " +
    "compared by RAMBlock and by what each page finally holds, however it was " +
    "sent; a page that only one stream has is a difference. Compressed pages " +
    "cannot be compared. The exit status is that of diff(1): 0 for no " +
    "differences, 1 for some, 2 for trouble.",
  options: {
    section: textValue(
      "NAMES",
      `Compare only these sections: ${SECTION_NAMES}; ram and configuration ` +
        "are names, too",
    ),
    ignore: textValue("NAMES", "Do not compare these sections"),
    json: JSON_OPTION,
    limit: LIMIT_OPTION,
    report: REPORT_OPTION,
  },
  operands: [
    textOperand("OLD", "The old state"),
    textOperand("NEW", "The new state"),
  ],
  examples: [
    ["cprctl diff old.state new.state", "prints nothing if they are equal"],
    ["cprctl diff old.state new.state --ignore 'timer,ram'", "devices only"],
    ["cprctl diff old.state new.state --report diff.html", "for a browser"],
    ["cprctl diff old.state new.state --json", "for a script"],
  ],
  async run({ process }, options, old, now) {
    const { presentDiff } = await import("../present/diff.ts");
    await presentDiff(process, options, old, now);
  },
});
