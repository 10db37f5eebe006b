import type { Compatibility } from "./compare.ts";
import type { CompatFinding } from "./finding.ts";

/** Raised when a member changes its meaning or goes away. */
const COMPAT_SCHEMA = 1;

/** The overall result. */
export type Verdict = "compatible" | "doubtful" | "refused";

/** The worst result for the VM, or for any VM if there is none. */
export function verdictOf({ findings }: Compatibility): Verdict {
  const hits = findings.filter(({ hit }) => hit !== false);
  if (hits.some(({ grade }) => grade === "refuse")) return "refused";
  return hits.length > 0 ? "doubtful" : "compatible";
}

/** The two programs and the VM. */
export interface Compared {
  readonly old: string;
  readonly new: string;
  /** The machine type of the VM. */
  readonly machine: string | undefined;
}

/** A comparison as JSON. */
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
