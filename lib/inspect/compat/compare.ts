/**
 * Finds the device state of an old program that a new program would not load.
 *
 * Versions are compared as by the loader. A section and a subsection are sent
 * with their version, and the new program reads the fields up to that version;
 * a struct in them is sent without, so the new program reads all of its fields.
 *
 * A new field with a condition is not reported: this is how fields are added
 * that old senders do not have.
 *
 * @module
 */

import type { Description, Dump, DumpField } from "./dump.ts";
import { compareFields } from "./fields.ts";
import {
  type Compatibility,
  type Grade,
  grouped,
  type Rule,
  type SingleFinding,
} from "./finding.ts";
import type { InUse, SentSection } from "./in_use.ts";
import type { LargeQueue } from "./queues.ts";
import { namesOfType } from "./renames.ts";

/**
 * Compares the dumps of two programs.
 *
 * @param inUse the devices of a VM; by default every type of device
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
      // A dump is the same for every machine type.
      hit: inUse === undefined ? undefined : false,
      vmsd: undefined,
      field: undefined,
      detail:
        `the dumps are of machines "${old.machine}" and "${next.machine}"`,
      type: undefined,
    });
  }
  const judged = new Set<string>();
  const unseen = new Set(notDescribed(old, inUse));
  if (inUse !== undefined && "sections" in inUse) {
    for (const [name, alike] of inUse.sections) {
      for (const sent of alike) {
        const sender = mildest(old, next, name, sent);
        if (sender === undefined) continue;
        judged.add(sender.type);
        if (sender.found === undefined) unseen.add(name);
        else findings.push(...sender.found);
      }
    }
  }
  for (const [type, description] of old.types) {
    if (judged.has(type)) continue;
    const isUsed = inUse === undefined
      ? undefined
      : "types" in inUse && inUse.types.has(type);
    const device = new DeviceComparison(type, description, isUsed);
    const found = device.against(next);
    if (found !== undefined) findings.push(...found);
    else if (isUsed) unseen.add(description.name);
    else findings.push(device.missing());
  }
  if (inUse !== undefined && "sections" in inUse) {
    for (const each of queueFindings(old, next, inUse.queues ?? [])) {
      findings.push(each);
    }
    // QEMU 10.0 brought the command, and its dump has counts.
    if (inUse.startsSwitchover && !next.hasCounts) {
      findings.push(commandUnknown());
    }
  }
  return { findings: grouped(findings), unseen: [...unseen].sort() };
}

function commandUnknown(): SingleFinding {
  return {
    rule: "command-unknown",
    // A dump that somebody has cut down may have no counts either.
    grade: "warn",
    hit: true,
    vmsd: undefined,
    field: undefined,
    detail: "the state has the command SWITCHOVER_START, which QEMU knows " +
      "from 10.0 on; machine types up to 9.2 save without it",
    type: undefined,
  };
}

/** The first version that refuses queues that are too large. */
const REFUSES_QUEUES = [11, 1] as const;

/**
 * No dump says whether a program has this check. A machine type with the
 * version of the check does, and what saved a queue loads it.
 */
function* queueFindings(
  old: Dump,
  next: Dump,
  queues: readonly LargeQueue[],
): Generator<SingleFinding> {
  if (queues.length === 0 || isSameDump(old, next)) return;
  // Dumps had no counts long before.
  if (!next.hasCounts) return;
  const hasCheck = hasVersion(next.machine, REFUSES_QUEUES);
  for (const { vmsd, queue, entries, allocated, isDefault } of queues) {
    const types = [...old.types].filter(([, { name }]) => name === vmsd);
    for (const type of types.length === 0 ? [vmsd] : types.map(([it]) => it)) {
      yield {
        rule: "queue-too-large",
        grade: hasCheck && !isDefault ? "refuse" : "warn",
        hit: true,
        vmsd,
        field: `queue ${queue}`,
        detail: `${entries} entries are sent, and the device allocates ` +
          `${allocated}${isDefault ? " by default" : ""}: QEMU ${
            REFUSES_QUEUES.join(".")
          } refuses it`,
        type,
      };
    }
  }
}

function hasVersion(
  machine: string,
  [major, minor]: readonly [number, number],
): boolean {
  const [, ours, ourMinor] = /-(\d+)\.(\d+)$/.exec(machine) ?? [];
  const [a, b] = [Number(ours ?? 0), Number(ourMinor ?? 0)];
  return a > major || (a === major && b >= minor);
}

function isSameDump(old: Dump, next: Dump): boolean {
  const [a, b] = [old, next].map(({ types }) => JSON.stringify([...types]));
  return a === b;
}

/** A type that may have sent a section. */
interface Judged {
  readonly type: string;
  /** Undefined if the new dump does not have the type. */
  readonly found: readonly SingleFinding[] | undefined;
}

/**
 * The findings for a section that was sent. A stream has only the name of a
 * section, which several device types may share: the type with the mildest
 * findings counts, so that no VM is refused because of a device that it does
 * not have.
 */
function mildest(
  old: Dump,
  next: Dump,
  name: string,
  sent: SentSection,
): Judged | undefined {
  let best: Judged | undefined;
  for (const [type, description] of senders(old, name, sent)) {
    const device = new DeviceComparison(type, description, true, sent);
    const found = device.against(next);
    if (best === undefined || weight(found) < weight(best.found)) {
      best = { type, found };
    }
  }
  return best;
}

/** The types that may have sent a section, by its name, version and fields. */
function senders(
  old: Dump,
  name: string,
  { version, fields }: SentSection,
): (readonly [type: string, description: Description])[] {
  const named = [...old.types].filter(([, it]) =>
    it.name === name && it.version === version
  );
  if (fields === undefined) return named;
  const fitting = named.filter(([, it]) =>
    [...fields].every((field) => it.fields.some(({ name }) => name === field))
  );
  return fitting.length > 0 ? fitting : named;
}

/** A refusal weighs more than any number of warnings, and nothing known most. */
function weight(findings: readonly SingleFinding[] | undefined): number {
  if (findings === undefined) return Infinity;
  return findings.reduce(
    (sum, { grade }) => sum + (grade === "refuse" ? 1_000_000 : 1),
    0,
  );
}

/** Sections that every VM has and that belong to no device type. */
const OF_EVERY_VM = ["cpu_common", "globalstate", "ram", "timer"];

/** A section of no type is registered by hand, with no VMState in the dump. */
function notDescribed(old: Dump, inUse: InUse | undefined): string[] {
  if (inUse === undefined) return [];
  if ("types" in inUse) {
    const known = new Set([...old.types.values()].map(({ name }) => name));
    const kinds = [...old.undescribed].filter((type) => inUse.types.has(type));
    return [...OF_EVERY_VM.filter((name) => !known.has(name)), ...kinds];
  }
  return [...inUse.sections].flatMap(([name, alike]) =>
    alike.some((sent) => senders(old, name, sent).length === 0) ? [name] : []
  );
}

/** The level of a description, which decides what its version means. */
type Level = "section" | "subsection" | "struct";

/** Compares one type of device. */
class DeviceComparison {
  readonly #findings: SingleFinding[] = [];

  /** @param isUsed whether the VM has such a device, if there is a VM */
  constructor(
    readonly type: string,
    readonly description: Description,
    readonly isUsed: boolean | undefined,
    readonly sent?: SentSection,
  ) {}

  /** The findings; undefined if the dump does not have the type. */
  against(next: Dump): readonly SingleFinding[] | undefined {
    const { name } = this.description;
    for (const type of namesOfType(this.type)) {
      const theirs = next.types.get(type);
      if (theirs === undefined) continue;
      if (theirs.name !== name) {
        // A section may come from a device that registers this state by hand,
        // as vmware-svga does with that of isa-vga.
        const mayBeAnother = this.sent !== undefined &&
          [...next.types.values()].some((it) => it.name === name);
        const grade = mayBeAnother ? "warn" : "refuse";
        this.#report("section-renamed", grade, name, undefined, {
          detail: `the section is now called "${theirs.name}"`,
        });
        return this.#findings;
      }
      this.#compare(this.description, theirs, "section", this.isUsed);
      return this.#findings;
    }
    return undefined;
  }

  /**
   * The finding for a type that the new dump does not have. It is none for a VM
   * that has such a device: without the type, the new program would not start
   * with it. What starts registers its state by hand or has it in a module,
   * which are in no dump.
   */
  missing(): SingleFinding {
    const { type, isUsed: hit, description: { name: vmsd } } = this;
    return {
      rule: "type-missing",
      grade: "warn",
      hit,
      vmsd,
      field: undefined,
      detail: "the new program has no such type of device, or its dump " +
        "does not have its state",
      type,
    };
  }

  #compare(
    ours: Description,
    theirs: Description,
    level: Level,
    hit: boolean | undefined,
  ): void {
    const version = this.#sentVersion(ours, level);
    const isRefused = this.#refusesVersion(
      ours.name,
      version,
      theirs,
      level,
      hit,
    );
    // QEMU stops here.
    if (isRefused) return;
    const reads = level === "struct" ? theirs.version : version;
    compareFields(
      ours.name,
      ours.fields.filter((field) =>
        field.version <= version && (level !== "section" || this.#isSent(field))
      ),
      theirs.fields.filter((field) => field.version <= reads),
      {
        problem: ({ rule, field, detail }) =>
          this.#report(rule, "warn", ours.name, field, { detail, hit }),
        struct: (a, b) => this.#compare(a, b, "struct", hit),
      },
    );
    for (const [sub, same] of subsectionPairs(ours, theirs)) {
      this.#subsection(ours, sub, same, hit);
    }
  }

  /** Whether a field was sent: a stream shows it for conditional fields. */
  #isSent({ name, conditional }: DumpField): boolean {
    const fields = this.sent?.fields;
    return !conditional || fields === undefined || fields.has(name);
  }

  #subsection(
    ours: Description,
    sub: Description,
    same: Description | undefined,
    hit: boolean | undefined,
  ): void {
    const isSent = this.sent?.subsections.has(sub.name);
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
    if (level === "section") return this.sent?.version ?? ours.version;
    const sent = level === "subsection"
      ? this.sent?.subsections.get(ours.name)
      : undefined;
    return sent ?? ours.version;
  }

  /** Whether a version is refused. */
  #refusesVersion(
    vmsd: string,
    version: number,
    theirs: Description,
    level: Level,
    hit: boolean | undefined,
  ): boolean {
    const isChecked = level === "section" ||
      (level === "subsection" && this.sent?.subsections.has(vmsd) === true);
    const grade = isChecked ? "refuse" : "warn";
    const isTooNew = version > theirs.version;
    // QEMU's own test data has a version below its minimum version.
    const isTooOld = version < theirs.minimumVersion &&
      version !== theirs.version;
    if (isTooNew) {
      this.#report("version-too-new", grade, vmsd, undefined, {
        detail: `version ${version} is sent, ${theirs.version} is the latest ` +
          "that the new program knows",
        hit,
      });
    } else if (isTooOld) {
      this.#report("version-too-old", grade, vmsd, undefined, {
        detail: `version ${version} is sent, ${theirs.minimumVersion} is the ` +
          "earliest that the new program reads",
        hit,
      });
    }
    return isChecked && (isTooNew || isTooOld);
  }

  #report(
    rule: Rule,
    grade: Grade,
    vmsd: string,
    field: string | undefined,
    { detail, hit = this.isUsed }: {
      readonly detail: string;
      readonly hit?: boolean | undefined;
    },
  ): void {
    const { type } = this;
    this.#findings.push({ rule, grade, hit, vmsd, field, detail, type });
  }
}

/**
 * Pairs of subsections by name; those with the same name (as sd-card in QEMU
 * 11.1) by their order.
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
