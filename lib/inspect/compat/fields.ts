/**
 * Compares the fields that one program sends with those that another reads.
 *
 * On the wire they have an order, but no names; fields with the same name in
 * both programs are taken to be the same.
 *
 * @module
 */

import { align } from "./align.ts";
import type { Description, DumpField } from "./dump.ts";
import type { Rule } from "./finding.ts";
import { isSameField } from "./renames.ts";

/** A problem with a field. */
export interface FieldProblem {
  readonly rule: Rule;
  readonly field: string;
  readonly detail: string;
}

/** Callbacks of a comparison. */
export interface FieldVisitor {
  problem(problem: FieldProblem): void;
  /** A struct that both have. */
  struct(ours: Description, theirs: Description): void;
}

/** QEMU's name of bytes in place of removed fields. */
const PADDING = "unused";

/** The time and memory to compare are quadratic. */
const MAXIMUM_OPENED = 1024;

type Fields = readonly DumpField[];

/**
 * Compares fields in their order.
 *
 * @param vmsd the name of their description
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

/** Compares fields without a counterpart of the same name. */
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

/** Padding may replace fields of the same size, or be replaced by them. */
function comparePadding(
  ours: Fields,
  theirs: Fields,
  visitor: FieldVisitor,
): void {
  const [sent, read] = [total(ours), total(theirs)];
  const isKnown = [...ours, ...theirs].every(({ count }) =>
    count !== undefined
  );
  // If the number of elements is not known, any field may be an array.
  if (sent === read || !isKnown) return;
  visitor.problem({
    rule: "padding-resized",
    field: PADDING,
    detail: `${sent} bytes (${namesOf(ours)}) became ${read} (${
      namesOf(theirs)
    }; sizes in memory)`,
  });
}

/** Replaces structs by their fields: on the wire there is no difference. */
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

/** Compares only the size of an element if their number is not known. */
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
