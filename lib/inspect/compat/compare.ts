/**
 * What of an old program's device state a new program would not load.
 *
 * Versions are judged as the loader does. A section and a subsection bring
 * theirs along, and the new program reads the fields that had come by then; a
 * struct inside brings none, so the new program reads all that it has.
 *
 * A new field with a condition of its own is not reported: it is how a field
 * is made that old senders do without.
 *
 * @module
 */

import type { Description, Dump } from "./dump.ts";
import { compareFields, type FieldProblem } from "./fields.ts";
import {
  type CompatFinding,
  type Grade,
  grouped,
  type Rule,
  type SingleFinding,
} from "./finding.ts";
import type { InUse, SentSection } from "./in_use.ts";
import { namesOfType } from "./renames.ts";

/** What came of a comparison. */
export interface Compatibility {
  /** What hits the VM first, then what is sure. */
  readonly findings: readonly CompatFinding[];
  /**
   * Sections of the VM's that dumps say nothing of; of a running VM, those that
   * every VM has.
   */
  readonly unseen: readonly string[];
}

/**
 * Compares what two programs tell of their device state.
 *
 * @param inUse what a VM has; without it, every type of device counts
 */
export function compareDumps(
  old: Dump,
  next: Dump,
  inUse?: InUse,
): Compatibility {
  const findings: SingleFinding[] = [];
  if (old.machine !== next.machine) {
    findings.push({
      rule: "machine-differs",
      grade: "warn",
      hit: inUse === undefined ? undefined : true,
      vmsd: undefined,
      field: undefined,
      detail:
        `the dumps are of machines "${old.machine}" and "${next.machine}"`,
      type: undefined,
    });
  }
  for (const [type, description] of old.types) {
    const device = new DeviceComparison(type, description, inUse);
    for (const finding of device.against(next)) findings.push(finding);
  }
  return { findings: grouped(findings), unseen: unseen(old, inUse) };
}

/** State that every VM has and that belongs to no type of device. */
const OF_EVERY_VM = ["cpu_common", "globalstate", "ram", "timer"];

function unseen(old: Dump, inUse: InUse | undefined): string[] {
  if (inUse === undefined) return [];
  const names = "sections" in inUse ? inUse.sections.keys() : OF_EVERY_VM;
  const known = new Set([...old.types.values()].map(({ name }) => name));
  return [...names].filter((name) => !known.has(name)).sort();
}

/** Where a description stands, which decides what its version means. */
type Level = "section" | "subsection" | "struct";

/** One type of device, as old programs send it. */
class DeviceComparison {
  readonly #findings: SingleFinding[] = [];
  readonly #sent: SentSection | undefined;
  readonly #isUsed: boolean | undefined;

  constructor(
    readonly type: string,
    readonly description: Description,
    readonly inUse: InUse | undefined,
  ) {
    if (inUse === undefined) return;
    if ("types" in inUse) {
      this.#isUsed = inUse.types.has(type);
    } else {
      this.#sent = inUse.sections.get(description.name);
      this.#isUsed = this.#sent !== undefined;
    }
  }

  against(next: Dump): readonly SingleFinding[] {
    const { name } = this.description;
    for (const type of namesOfType(this.type)) {
      const theirs = next.types.get(type);
      if (theirs === undefined) continue;
      if (theirs.name !== name) {
        this.#report("section-renamed", "refuse", name, undefined, {
          detail: `the section is now called "${theirs.name}"`,
        });
      }
      this.#compare(this.description, theirs, "section", this.#isUsed);
      return this.#findings;
    }
    // Several types share a section's name, and a stream has only that.
    const mayBeAnother = this.#sent !== undefined &&
      [...next.types.values()].some((theirs) => theirs.name === name);
    this.#report(
      "type-missing",
      mayBeAnother ? "warn" : "refuse",
      name,
      undefined,
      { detail: "the new program has no such type of device" },
    );
    return this.#findings;
  }

  #compare(
    ours: Description,
    theirs: Description,
    level: Level,
    hit: boolean | undefined,
  ): void {
    const version = this.#sentVersion(ours, level);
    this.#compareVersions(ours.name, version, theirs, level, hit);
    const reads = level === "struct" ? theirs.version : version;
    compareFields(
      ours.name,
      ours.fields.filter((field) => field.version <= version),
      theirs.fields.filter((field) => field.version <= reads),
      {
        problem: (problem) => this.#reportField(ours.name, problem, hit),
        struct: (a, b) => this.#compare(a, b, "struct", hit),
      },
    );
    for (const [sub, same] of subsectionPairs(ours, theirs)) {
      this.#subsection(ours, sub, same, hit);
    }
  }

  #subsection(
    ours: Description,
    sub: Description,
    same: Description | undefined,
    hit: boolean | undefined,
  ): void {
    const isSent = this.#sent?.subsections.has(sub.name);
    const isHit = isSent === undefined ? hit : isSent;
    if (same !== undefined) {
      return this.#compare(sub, same, "subsection", isHit);
    }
    this.#report(
      "subsection-missing",
      isSent === true ? "refuse" : "warn",
      ours.name,
      sub.name,
      { detail: "the new program has no such subsection", hit: isHit },
    );
  }

  #sentVersion(ours: Description, level: Level): number {
    if (level === "section") return this.#sent?.version ?? ours.version;
    const sent = level === "subsection"
      ? this.#sent?.subsections.get(ours.name)
      : undefined;
    return sent ?? ours.version;
  }

  #compareVersions(
    vmsd: string,
    version: number,
    theirs: Description,
    level: Level,
    hit: boolean | undefined,
  ): void {
    const isChecked = level === "section" ||
      (level === "subsection" && this.#sent?.subsections.has(vmsd) === true);
    const grade = isChecked ? "refuse" : "warn";
    if (version > theirs.version) {
      this.#report("version-too-new", grade, vmsd, undefined, {
        detail: `version ${version} is sent, ${theirs.version} is the latest ` +
          "that the new program knows",
        hit,
      });
    }
    if (version < theirs.minimumVersion) {
      this.#report("version-too-old", grade, vmsd, undefined, {
        detail: `version ${version} is sent, ${theirs.minimumVersion} is the ` +
          "earliest that the new program reads",
        hit,
      });
    }
  }

  #reportField(
    vmsd: string,
    { rule, field, detail }: FieldProblem,
    hit: boolean | undefined,
  ): void {
    this.#report(rule, "warn", vmsd, field, { detail, hit });
  }

  #report(
    rule: Rule,
    grade: Grade,
    vmsd: string,
    field: string | undefined,
    { detail, hit = this.#isUsed }: {
      readonly detail: string;
      readonly hit?: boolean | undefined;
    },
  ): void {
    const { type } = this;
    this.#findings.push({ rule, grade, hit, vmsd, field, detail, type });
  }
}

/**
 * Subsections and what the other has for them, by name; those that share one
 * (sd-card has such, of QEMU 11.1) by their order.
 */
function* subsectionPairs(
  ours: Description,
  theirs: Description,
): Generator<[sub: Description, same: Description | undefined]> {
  const left = [...theirs.subsections];
  for (const sub of ours.subsections) {
    const at = left.findIndex(({ name }) => name === sub.name);
    yield [sub, at < 0 ? undefined : left.splice(at, 1)[0]];
  }
}
