/**
 * The fields that one program sends beside those that another reads.
 *
 * They have no names on the wire, only an order; that the names are the same
 * in both is what there is to go by.
 *
 * @module
 */

import { align } from "./align.ts";
import type { Description, DumpField } from "./dump.ts";
import type { Rule } from "./finding.ts";
import { isSameField } from "./renames.ts";

/** What is wrong with a field. */
export interface FieldProblem {
  readonly rule: Rule;
  readonly field: string;
  readonly detail: string;
}

/** What a comparison comes across. */
export interface FieldVisitor {
  problem(problem: FieldProblem): void;
  /** A struct that both have. */
  struct(ours: Description, theirs: Description): void;
}

/** What QEMU calls bytes that stand for fields of earlier releases. */
const PADDING = "unused";

/** Comparing takes time and memory by the square of it. */
const MAXIMUM_OPENED = 1024;

type Fields = readonly DumpField[];

/**
 * Compares fields in their order.
 *
 * @param vmsd the description that they are in
 */
export function compareFields(
  vmsd: string,
  ours: Fields,
  theirs: Fields,
  visitor: FieldVisitor,
): void {
  const isSame = (a: DumpField, b: DumpField) =>
    isSameField(vmsd, a.name, b.name);
  for (const stretch of align(ours, theirs, isSame)) {
    if ("same" in stretch) compareField(...stretch.same, visitor);
    else compareStretch(vmsd, stretch.left, stretch.right, visitor);
  }
}

function compareField(
  ours: DumpField,
  theirs: DumpField,
  visitor: FieldVisitor,
): void {
  const { name: field } = ours;
  const [a, b] = [ours.description, theirs.description];
  if (a === undefined && b === undefined) {
    if (isSameSize(ours, theirs)) return;
    const rule = field === PADDING ? "padding-resized" : "field-resized";
    return visitor.problem({
      rule,
      field,
      detail: `${sizeText(ours)} became ${sizeText(theirs)} (sizes in memory)`,
    });
  }
  if (a === undefined || b === undefined) {
    return visitor.problem({
      rule: "field-retyped",
      field,
      detail: a === undefined
        ? `a value became struct "${b?.name}"`
        : `struct "${a.name}" became a value`,
    });
  }
  if (
    ours.count !== theirs.count && ours.count !== undefined &&
    theirs.count !== undefined
  ) {
    visitor.problem({
      rule: "field-resized",
      field,
      detail: `${ours.count} elements became ${theirs.count}`,
    });
  }
  visitor.struct(a, b);
}

/** What one side has, and not under these names the other. */
function compareStretch(
  vmsd: string,
  ours: Fields,
  theirs: Fields,
  visitor: FieldVisitor,
): void {
  const [flatOurs, flatTheirs] = [opened(ours), opened(theirs)];
  const wasOpened = flatOurs !== ours || flatTheirs !== theirs;
  const isLong = Math.max(flatOurs.length, flatTheirs.length) > MAXIMUM_OPENED;
  if (wasOpened && !isLong && haveCommon(vmsd, flatOurs, flatTheirs)) {
    return compareFields(vmsd, flatOurs, flatTheirs, visitor);
  }
  const needed = theirs.filter(({ conditional }) => !conditional);
  const hasPadding = [...ours, ...theirs].some(({ name }) => name === PADDING);
  if (hasPadding) return comparePadding(ours, needed, visitor);
  const isRenaming = ours.length === theirs.length &&
    ours.every((field, at) => isLike(field, theirs[at]));
  if (isRenaming) {
    for (const [at, { name: field }] of ours.entries()) {
      visitor.problem({
        rule: "field-renamed",
        field,
        detail: `its place is taken by "${theirs[at]?.name}" of the same size`,
      });
    }
    return;
  }
  for (const { name: field, conditional } of ours) {
    visitor.problem({
      rule: "field-removed",
      field,
      detail: conditional
        ? "it is sent on a condition, and the new program does not read it"
        : "it is sent, and the new program does not read it",
    });
  }
  for (const { name: field } of needed) {
    visitor.problem({
      rule: "field-added",
      field,
      detail: "it is not sent, and the new program reads it",
    });
  }
}

/** Padding takes the place of fields, or they its place, if it adds up. */
function comparePadding(
  ours: Fields,
  theirs: Fields,
  visitor: FieldVisitor,
): void {
  const [sent, read] = [total(ours), total(theirs)];
  const isKnown = [...ours, ...theirs].every(({ count }) =>
    count !== undefined
  );
  // Any field may be an array where nothing tells how many elements it has.
  if (sent === read || !isKnown) return;
  visitor.problem({
    rule: "padding-resized",
    field: PADDING,
    detail: `${sent} bytes (${namesOf(ours)}) became ${read} (${
      namesOf(theirs)
    }; sizes in memory)`,
  });
}

/** Structs replaced by what is in them: on the wire there is no difference. */
function opened(fields: Fields): Fields {
  const isOpen = ({ description, count }: DumpField) =>
    description === undefined || (count ?? 1) !== 1 ||
    description.subsections.length > 0;
  if (fields.every(isOpen)) return fields;
  return fields.flatMap((field) => {
    const { description } = field;
    return description === undefined || isOpen(field)
      ? [field]
      : description.fields.filter(({ version }) =>
        version <= description.version
      );
  });
}

function haveCommon(vmsd: string, ours: Fields, theirs: Fields): boolean {
  return ours.some((a) =>
    theirs.some((b) => isSameField(vmsd, a.name, b.name))
  );
}

function isLike(a: DumpField, b: DumpField | undefined): boolean {
  return b !== undefined && isSameSize(a, b) &&
    (a.description === undefined) === (b.description === undefined);
}

/** Of elements alone where it is not known how many there are. */
function isSameSize(a: DumpField, b: DumpField): boolean {
  return a.count === undefined || b.count === undefined
    ? a.size === b.size
    : bytes(a) === bytes(b);
}

function bytes({ size, count = 1 }: DumpField): number {
  return size * count;
}

function total(fields: Fields): number {
  return fields.reduce((sum, field) => sum + bytes(field), 0);
}

function sizeText({ size, count }: DumpField): string {
  return count === undefined || count === 1
    ? `${size} bytes`
    : `${count} × ${size} bytes`;
}

function namesOf(fields: Fields): string {
  return fields.length === 0
    ? "nothing"
    : fields.map(({ name }) => name).join(", ");
}
