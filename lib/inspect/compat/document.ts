import type { Compatibility } from "./compare.ts";
import type { CompatFinding } from "./finding.ts";

/** Raised when a member changes its meaning or goes away. */
const COMPAT_SCHEMA = 1;

/** What came of it, in one word. */
export type Verdict = "compatible" | "doubtful" | "refused";

/** The worst that hits the VM, or any VM where none was named. */
export function verdictOf({ findings }: Compatibility): Verdict {
  const hits = findings.filter(({ hit }) => hit !== false);
  if (hits.some(({ grade }) => grade === "refuse")) return "refused";
  return hits.length > 0 ? "doubtful" : "compatible";
}

/** Whose device state was compared. */
export interface Compared {
  readonly old: string;
  readonly new: string;
  /** The machine type of the VM that was named. */
  readonly machine: string | undefined;
}

/** A comparison as programs read it. */
export function compatDocument(
  compared: Compared,
  compatibility: Compatibility,
): unknown {
  return {
    schema: COMPAT_SCHEMA,
    old: compared.old,
    new: compared.new,
    machine: compared.machine ?? null,
    verdict: verdictOf(compatibility),
    findings: compatibility.findings.map(documentOf),
    unseen: compatibility.unseen,
  };
}

function documentOf(finding: CompatFinding): unknown {
  const { rule, grade, hit, vmsd, field, detail, types } = finding;
  return {
    ...{ rule, grade, hit: hit ?? null },
    ...{ vmsd: vmsd ?? null, field: field ?? null, detail, types },
  };
}
