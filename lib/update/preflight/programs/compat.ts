import {
  compareDumps,
  type CompatFinding,
  type Compatibility,
  typesInUse,
  verdictOf,
} from "../../../inspect/compat/mod.ts";
import { InspectError } from "../../../inspect/error.ts";
import type { Finding, PreflightCheck } from "../check.ts";
import { ok, refuse, skipped, warn } from "../check.ts";
import { joined } from "../wording.ts";
import { knownDump, runningDump } from "./known_dump.ts";
import { obstacleToAsking } from "./new_program.ts";

const REMEDY = "Move to another release, or restart the VM on this one; " +
  "cprctl compat tells more";

const NO_TREE = skipped("the VM does not tell its types of device");

/** The new program loads the state of every device in use. */
export const compat: PreflightCheck = {
  id: "compat",
  async run(context) {
    const obstacle = await obstacleToAsking(context);
    if (obstacle !== undefined) return obstacle;
    const { binary, facts, inventory } = context;
    const inUse = typesInUse(await inventory.human("info qom-tree"));
    if (!("types" in inUse) || inUse.types.size === 0) return NO_TREE;
    try {
      const [old, next] = await Promise.all([
        runningDump(context),
        knownDump(binary, facts, context),
      ]);
      return judged(compareDumps(old, next, inUse));
    } catch (error) {
      if (!(error instanceof InspectError)) throw error;
      return skipped(`cannot be checked: ${error.message}`);
    }
  },
};

function judged(compatibility: Compatibility): Finding {
  const hits = compatibility.findings.filter(({ hit }) => hit === true);
  switch (verdictOf(compatibility)) {
    case "compatible":
      return ok(
        "the new program loads the state of every device in use, as far as " +
          "-dump-vmstate tells",
      );
    case "doubtful":
      return warn(`The new program may not load: ${phrases(hits)}`, REMEDY);
    case "refused": {
      const sure = hits.filter(({ grade }) => grade === "refuse");
      return refuse(`The new program would refuse ${phrases(sure)}`, REMEDY);
    }
  }
}

function phrases(findings: readonly CompatFinding[]): string {
  return joined(findings.map(({ vmsd, field, detail }) => {
    if (vmsd === undefined) return detail;
    return field === undefined
      ? `"${vmsd}": ${detail}`
      : `"${field}" of "${vmsd}": ${detail}`;
  }));
}
