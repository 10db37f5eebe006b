/**
 * Compares two states by section and field, not by byte.
 *
 * Sections are matched by name and instance, regardless of order and ids;
 * fields by their path. Integers are compared by value, regardless of width.
 *
 * @module
 */

import {
  type Configuration,
  uuidText,
} from "../migration/stream/configuration.ts";
import { type BlockDifference, diffRam } from "./diff_ram.ts";
import { InspectError } from "./error.ts";
import type {
  CprStateInspection,
  InspectedSection,
  Inspection,
  StreamInspection,
} from "./inspection.ts";
import { type Leaf, leavesOf, sameValue } from "./members.ts";
import { ignoreSections, selectSections } from "./select_sections.ts";

/**
 * A field that differs; a side is missing if the field was added or removed.
 */
export interface FieldDifference {
  readonly path: string;
  readonly old: Leaf | undefined;
  readonly new: Leaf | undefined;
}

/** A section that differs. */
export interface SectionDifference {
  readonly name: string;
  readonly instanceId: number;
  readonly change: "added" | "removed" | "changed";
  /** For a changed section. */
  readonly fields: readonly FieldDifference[];
}

/** All differences. */
export interface Difference {
  readonly configuration: readonly FieldDifference[];
  readonly sections: readonly SectionDifference[];
  readonly ram: readonly BlockDifference[];
}

/** Names of sections, as `selectSections` takes them. */
export interface DiffChoice {
  /** Those to compare; all if undefined. */
  readonly section?: string | undefined;
  /** Those not to compare. */
  readonly ignore?: string | undefined;
}

/** What is not a section, and is chosen like one. */
const CONFIGURATION = { name: "configuration", instanceId: 0 };
const RAM = { name: "ram", instanceId: 0 };

/** Whether there is no difference. */
export function isSame({ configuration, sections, ram }: Difference): boolean {
  return configuration.length + sections.length + ram.length === 0;
}

/**
 * Compares two states of one format.
 *
 * @throws {MigrationStreamError} when one is damaged
 * @throws {InspectError} when they have different formats, or no section that
 *   is to be compared
 */
export function diff(
  old: Inspection,
  now: Inspection,
  choice: DiffChoice = {},
): Difference {
  if (old.format === "cpr-state" && now.format === "cpr-state") {
    const [before, after] = [cprSections(old), cprSections(now)];
    const isChosen = chooser([...before, ...after], choice);
    return {
      configuration: [],
      sections: diffSections(before.filter(isChosen), after.filter(isChosen)),
      ram: [],
    };
  }
  if (old.format === "cpr-state" || now.format === "cpr-state") {
    throw new InspectError(
      "two-formats",
      `Cannot compare "${old.file}" with "${now.file}": one is a migration ` +
        "stream, the other CPR state",
    );
  }
  for (const { problem } of [old, now]) {
    if (problem !== undefined) throw problem;
  }
  const [before, after] = [streamSections(old), streamSections(now)];
  const isChosen = chooser([CONFIGURATION, RAM, ...before, ...after], choice);
  return {
    configuration: isChosen(CONFIGURATION)
      ? diffLeaves(configurationLeaves(old), configurationLeaves(now))
      : [],
    sections: diffSections(before.filter(isChosen), after.filter(isChosen)),
    ram: isChosen(RAM) ? diffRam(old, now) : [],
  };
}

type Named = typeof RAM;

function chooser(
  all: readonly Named[],
  { section, ignore }: DiffChoice,
): (one: Named) => boolean {
  if (section === undefined && ignore === undefined) return () => true;
  const some = section === undefined ? all : selectSections(all, section);
  const chosen = new Set(
    ignore === undefined ? some : ignoreSections(some, ignore),
  );
  return (one) => chosen.has(one);
}

/** A section to compare: there may be so many that each is to take little. */
interface Comparable {
  readonly name: string;
  readonly instanceId: number;
  readonly section: InspectedSection | undefined;
  leaves(): Map<string, Leaf>;
}

function diffSections(
  old: readonly Comparable[],
  now: readonly Comparable[],
): SectionDifference[] {
  const key = ({ name, instanceId }: Comparable) => `${name}\0${instanceId}`;
  const after = new Map(now.map((each) => [key(each), each]));
  const before = new Set(old.map(key));
  const differences: SectionDifference[] = [];
  for (const each of old) {
    const { name, instanceId } = each;
    const other = after.get(key(each));
    if (other === undefined) {
      differences.push({ name, instanceId, change: "removed", fields: [] });
      continue;
    }
    const fields = sameState(each.section, other.section)
      ? []
      : diffLeaves(each.leaves(), other.leaves());
    if (fields.length > 0) {
      differences.push({ name, instanceId, change: "changed", fields });
    }
  }
  for (const each of now) {
    if (before.has(key(each))) continue;
    const { name, instanceId } = each;
    differences.push({ name, instanceId, change: "added", fields: [] });
  }
  return differences;
}

/** Compares whole states first, to avoid the leaves of equal ones. */
function sameState(
  a: InspectedSection | undefined,
  b: InspectedSection | undefined,
): boolean {
  return a?.state !== undefined && b?.state !== undefined &&
    a.version === b.version && sameValue(a.state, b.state);
}

function diffLeaves(
  old: ReadonlyMap<string, Leaf>,
  now: ReadonlyMap<string, Leaf>,
): FieldDifference[] {
  const differences: FieldDifference[] = [];
  for (const [path, leaf] of old) {
    const other = now.get(path);
    if (other === undefined || !sameLeaf(leaf, other)) {
      differences.push({ path, old: leaf, new: other });
    }
  }
  for (const [path, leaf] of now) {
    if (!old.has(path)) differences.push({ path, old: undefined, new: leaf });
  }
  return differences;
}

function sameLeaf(a: Leaf, b: Leaf): boolean {
  if (a.type === "bool" && b.type === "bool") {
    return Boolean(a.value) === Boolean(b.value);
  }
  const isNumber = ({ value }: Leaf) =>
    typeof value === "number" || typeof value === "bigint";
  // Regardless of width: 1 equals 1n.
  return isNumber(a) && isNumber(b)
    ? a.value == b.value
    : sameValue(a.value, b.value);
}

class ComparableSection implements Comparable {
  constructor(
    private readonly inspection: StreamInspection,
    readonly section: InspectedSection,
  ) {}

  get name(): string {
    return this.section.name;
  }

  get instanceId(): number {
    return this.section.instanceId;
  }

  leaves(): Map<string, Leaf> {
    const { inspection, section } = this;
    const leaves = new Map<string, Leaf>([
      ["(version)", { type: "uint32", value: section.version }],
    ]);
    const fields = section.state === undefined
      ? opaqueLeaves(inspection, section)
      : leavesOf(section);
    for (const [path, leaf] of fields) leaves.set(path, leaf);
    return leaves;
  }
}

function streamSections(inspection: StreamInspection): Comparable[] {
  const comparable: Comparable[] = inspection.sections
    .filter(({ name }) => name !== "ram")
    .map((section) => new ComparableSection(inspection, section));
  const { undescribed, decoded } = inspection;
  if (undescribed !== undefined) {
    comparable.push({
      name: "(not described)",
      instanceId: 0,
      section: undefined,
      leaves: () => bytesLeaf(decoded.opaqueTail?.bytes ?? new Uint8Array(0)),
    });
  }
  return comparable;
}

function opaqueLeaves(
  { decoded }: StreamInspection,
  { sectionId }: InspectedSection,
): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  for (const record of decoded.records) {
    if (record.type !== "opaque" || record.sectionId !== sectionId) continue;
    leaves.set(`data[${leaves.size}]`, { type: "buffer", value: record.bytes });
  }
  return leaves;
}

function bytesLeaf(value: Uint8Array): Map<string, Leaf> {
  return new Map([["data", { type: "buffer", value }]]);
}

function configurationLeaves(
  { decoded: { configuration, layout } }: StreamInspection,
): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>([
    ["page_size", { type: "uint32", value: layout.pageSize }],
  ]);
  const said: Partial<Configuration> = configuration ?? {};
  const { machine, capabilities = [], uuid } = said;
  if (machine !== undefined) {
    leaves.set("machine", { type: "text", value: machine });
  }
  for (const name of capabilities) {
    leaves.set(`capabilities.${name}`, { type: "bool", value: true });
  }
  if (uuid !== undefined) {
    leaves.set("uuid", { type: "text", value: uuidText(uuid) });
  }
  return leaves;
}

/** Each descriptor is compared as a section. */
function cprSections({ state, transferred }: CprStateInspection): Comparable[] {
  return [
    ...state.descriptors.map(({ name, id, descriptor }) =>
      new ComparableNumbers(name, id, transferred ? {} : { descriptor })
    ),
    ...(state.vfioDevices ?? []).map(({ name, deviceId, ioasId, hwptId }) =>
      new ComparableNumbers(`vfio ${name}`, 0, { deviceId, ioasId, hwptId })
    ),
  ];
}

class ComparableNumbers implements Comparable {
  readonly section = undefined;

  constructor(
    readonly name: string,
    readonly instanceId: number,
    private readonly values: Readonly<Record<string, number>>,
  ) {}

  leaves(): Map<string, Leaf> {
    return new Map(
      Object.entries(this.values)
        .map(([path, value]) => [path, { type: "int32", value }]),
    );
  }
}
