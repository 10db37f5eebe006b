/** The findings of a comparison, and its verdict. @module */

/** The rule that was broken. Stable: part of the JSON. */
export type Rule =
  | "machine-differs"
  | "type-missing"
  | "section-renamed"
  | "version-too-new"
  | "version-too-old"
  | "subsection-missing"
  | "field-added"
  | "field-removed"
  | "field-renamed"
  | "field-retyped"
  | "field-resized"
  | "padding-resized"
  | "queue-too-large"
  | "command-unknown";

/**
 * "refuse": QEMU will fail to load it. "warn": the dumps cannot prove it, since
 * they do not have types and sizes on the wire.
 */
export type Grade = "refuse" | "warn";

/** One problem, with every device type that has it. */
export interface CompatFinding {
  readonly rule: Rule;
  readonly grade: Grade;
  /** Whether it affects the VM; undefined without a VM. */
  readonly hit: boolean | undefined;
  /** The name of the description; undefined if none is concerned. */
  readonly vmsd: string | undefined;
  /** The field or subsection. */
  readonly field: string | undefined;
  readonly detail: string;
  /** qdev types, sorted. */
  readonly types: readonly string[];
}

/** A finding about one type. */
export type SingleFinding = Omit<CompatFinding, "types"> & {
  readonly type: string | undefined;
};

/** Merges equal findings of several types, which share a description. */
export function grouped(findings: readonly SingleFinding[]): CompatFinding[] {
  const groups = new Map<string, CompatFinding & { types: string[] }>();
  for (const { type, ...finding } of findings) {
    const { rule, grade, hit, vmsd, field, detail } = finding;
    const key = JSON.stringify([rule, grade, hit, vmsd, field, detail]);
    const group = groups.get(key) ?? { ...finding, types: [] };
    groups.set(key, group);
    if (type !== undefined && !group.types.includes(type)) {
      group.types.push(type);
    }
  }
  for (const { types } of groups.values()) types.sort();
  return [...groups.values()].sort((a, b) => rank(a) - rank(b));
}

/** First those that affect the VM, and certain ones. */
function rank({ hit, grade }: CompatFinding): number {
  return (hit === false ? 2 : 0) + (grade === "refuse" ? 0 : 1);
}

/** The result of a comparison. */
export interface Compatibility {
  /** First those that affect the VM, then the certain ones. */
  readonly findings: readonly CompatFinding[];
  /**
   * Sections of the VM that dumps do not describe; for a running VM, those that
   * every VM has.
   */
  readonly unseen: readonly string[];
}

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
  const { rule, grade, hit = null, vmsd = null, field = null } = finding;
  const { detail, types } = finding;
  return { rule, grade, hit, vmsd, field, detail, types };
}
