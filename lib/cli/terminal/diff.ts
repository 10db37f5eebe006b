/** The output of `diff` on a terminal; empty without a difference. */

import type { Difference, FieldDifference } from "../../inspect/diff.ts";
import { kindOfChange } from "../../inspect/diff_json.ts";
import type { BlockDifference } from "../../inspect/diff_ram.ts";
import type { RamBlockStatistics } from "../../migration/stream/mod.ts";
import type { Look } from "../process.ts";
import { changeOf } from "../wording/change.ts";
import { columnsOf, padEnd } from "../wording/columns.ts";
import { formatSize } from "../wording/format.ts";
import { printable } from "../../inert.ts";
import { type Paint, painter } from "./paint.ts";

/** The most columns of a path. */
const PATH_COLUMNS = 40;

const MARKS = {
  added: ["+", "good"],
  removed: ["-", "bad"],
  changed: ["~", "careful"],
} as const;

/** The lines of a difference. */
export function* renderDiff(
  { configuration, sections, ram }: Difference,
  look: Look,
): Generator<string> {
  const paint = painter(look.colour);
  if (configuration.length > 0) {
    yield `${paint("~", "careful")} ${paint("configuration", "strong")}\n`;
    yield* renderFields(configuration, paint);
  }
  for (const { name, instanceId, change, fields } of sections) {
    const [mark, tone] = MARKS[change];
    const title = printable(`${name} ${instanceId}`);
    yield `${paint(mark, tone)} ${paint(title, "strong")}\n`;
    yield* renderFields(fields, paint);
  }
  for (const block of ram) yield* renderBlock(block, paint);
}

function* renderFields(
  fields: readonly FieldDifference[],
  paint: Paint,
): Generator<string> {
  const width = Math.min(
    PATH_COLUMNS,
    columnsOf(fields.map(({ path }) => printable(path))),
  );
  for (const field of fields) {
    const [mark, tone] = MARKS[kindOfChange(field.old, field.new)];
    yield `  ${paint(mark, tone)} ${padEnd(printable(field.path), width)}  ${
      printable(changeText(field))
    }\n`;
  }
}

function changeText(field: FieldDifference): string {
  const { from, to, hex, note: more } = changeOf(field);
  const note = hex?.join(" → ") ?? more;
  const values = [from, to].filter((it) => it !== undefined).join(" → ");
  return values === "" || note === "" ? values + note : `${values} (${note})`;
}

function* renderBlock(
  block: BlockDifference,
  paint: Paint,
): Generator<string> {
  const { old, new: now, pages } = block;
  const title = paint(`RAM ${printable(block.name)}`, "strong");
  if (old === undefined || now === undefined) {
    const [mark, tone] = MARKS[kindOfChange(old, now)];
    yield `${paint(mark, tone)} ${title}  ${
      formatSize((old ?? now)?.size ?? 0)
    }\n`;
    return;
  }
  yield `${paint("~", "careful")} ${title}\n`;
  if (old.size !== now.size) {
    yield `  ~ size  ${old.size} → ${now.size}\n`;
  }
  if (old.address !== now.address) {
    yield `  ~ address  ${addressText(old)} → ${addressText(now)}\n`;
  }
  if (pages === undefined) return yield "  ~ pages cannot be compared\n";
  const { changed, firstChanged, onlyOld, onlyNew } = pages;
  if (changed > 0) {
    const at = firstChanged.map((offset) => `0x${offset.toString(16)}`);
    const more = changed > at.length ? ", …" : "";
    yield `  ~ pages that differ: ${changed}, at ${at.join(", ")}${more}\n`;
  }
  if (onlyOld > 0) yield `  - pages only in the old stream: ${onlyOld}\n`;
  if (onlyNew > 0) yield `  + pages only in the new stream: ${onlyNew}\n`;
}

function addressText({ address }: RamBlockStatistics): string {
  return address === undefined ? "none" : `0x${address.toString(16)}`;
}
