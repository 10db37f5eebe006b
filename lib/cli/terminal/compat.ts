/** The output of `compat` on a terminal. */

import {
  type Compared,
  type CompatFinding,
  type Compatibility,
  type Verdict,
  verdictOf,
} from "../../inspect/compat/mod.ts";
import type { Look } from "../process.ts";
import { wrap } from "../wording/columns.ts";
import { printable } from "../../inert.ts";
import { painter, type Tone } from "./paint.ts";

const VERDICTS: Readonly<Record<Verdict, readonly [string, Tone]>> = {
  compatible: ["nothing found that prevents it from loading the state", "good"],
  doubtful: ["may not load the state", "careful"],
  refused: ["would refuse the state", "bad"],
};
const INDENT = "  ".length + "refuse  ".length;
/** Further types are only counted. */
const MAX_TYPES = 4;

/** A comparison as lines. */
export function renderCompat(
  { old, new: next }: Compared,
  compatibility: Compatibility,
  look: Look,
): string {
  const paint = painter(look.colour);
  const { findings, unseen } = compatibility;
  const [words, tone] = VERDICTS[verdictOf(compatibility)];
  const colon = verdictOf(compatibility) === "compatible" ? ":" : "";
  let text = `${paint(printable(next), "strong")}${colon} ${
    paint(words, tone)
  } of ${printable(old)}\n`;
  const hits = findings.filter(({ hit }) => hit !== false);
  for (const finding of hits) {
    const { grade } = finding;
    const mark = paint(grade.padEnd(8), grade === "refuse" ? "bad" : "careful");
    text += `\n  ${mark}${paragraph(sentence(finding), look, INDENT)}`;
  }
  if (hits.length > 0) text += "\n";
  const say = (words: string) => `\n  ${paragraph(words, look, 2)}\n`;
  const others = findings.length - hits.length;
  if (others > 0) {
    const [concern, them] = others === 1
      ? ["concerns a device", "it"]
      : ["concern devices", "them"];
    text += say(
      `${others} more ${concern} that this VM does not have; --json lists ` +
        them,
    );
  }
  if (unseen.length > 0) {
    text += say(`Not covered by -dump-vmstate: ${unseen.join(", ")}`);
  }
  return text;
}

function paragraph(text: string, { width }: Look, indent: number): string {
  return wrap(printable(text), { width, lead: indent, indent });
}

/** PCIDevice.config: what is wrong (in e1000, rtl8139 and 3 more). */
function sentence({ vmsd, field, detail, types }: CompatFinding): string {
  if (vmsd === undefined) return detail;
  const where = field === undefined ? vmsd : `${vmsd}: ${field}`;
  return `${where}: ${detail} (${typesText(types)})`;
}

function typesText(types: readonly string[]): string {
  const shown = types.slice(0, MAX_TYPES).join(", ");
  const more = types.length - MAX_TYPES;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
