/** The findings of a comparison. @module */

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
  | "padding-resized";

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
