import { ok, type PreflightCheck, refuse, warn } from "../check.ts";
import { joined } from "../wording.ts";

/** The new command line says all that it should. */
export const newCommandLine: PreflightCheck = {
  id: "new-command",
  run({ command: { problems } }) {
    const refusals = problems.filter(({ verdict }) => verdict === "refuse");
    const worst = refusals.length > 0 ? refusals : problems;
    const [first] = worst;
    if (first === undefined) {
      return Promise.resolve(ok("the new command line is complete"));
    }
    const finding = first.verdict === "refuse" ? refuse : warn;
    return Promise.resolve(
      finding(joined(worst.map(({ detail }) => detail)), first.remedy),
    );
  },
};
