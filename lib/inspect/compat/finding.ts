/** What can stand between an old program's state and a new program. @module */

/** Which rule was broken. Stable: part of the JSON. */
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
 * How sure it is: "refuse" is what QEMU itself says no to, "warn" what the
 * dumps cannot prove: they tell neither types nor sizes on the wire.
 */
export type Grade = "refuse" | "warn";

/** One thing that is wrong, for every type of device that it is wrong with. */
export interface CompatFinding {
  readonly rule: Rule;
  readonly grade: Grade;
  /** Whether this VM is hit; undefined where no VM was named. */
  readonly hit: boolean | undefined;
  /** The description that it is in; undefined: in none. */
  readonly vmsd: string | undefined;
  /** The field or subsection of it. */
  readonly field: string | undefined;
  readonly detail: string;
  /** Types of device, as qdev names them; sorted. */
  readonly types: readonly string[];
}

/** A finding about one type. */
export type SingleFinding = Omit<CompatFinding, "types"> & {
  readonly type: string | undefined;
};

/** Says once what is wrong with many types: they share what is inside. */
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

/** What hits and what is sure comes first. */
function rank({ hit, grade }: CompatFinding): number {
  return (hit === false ? 2 : 0) + (grade === "refuse" ? 0 : 1);
}
