import type { WorkDone } from "../../inspect/json.ts";
import { printable } from "../../inert.ts";
import type { Look } from "../process.ts";
import { formatSize } from "../wording/format.ts";
import { sizeText } from "./inspection.ts";
import { painter } from "./paint.ts";

/** The outcome of `--verify`, `--extract-ram` and `--set`. */
export function renderWorkDone(
  file: string,
  { verdict, extracted, changed }: WorkDone,
  look: Look,
): string {
  const paint = painter(look.colour);
  let text = "";
  if (verdict !== undefined) {
    const { bytes, notUnderstood, places } = verdict;
    const but = notUnderstood === 0
      ? ""
      : `; ${notUnderstood} of them are not described and were kept as they are`;
    text += `${paint("verified", "good")}: ${printable(file)}: all ${bytes} ` +
      `bytes are encoded back unchanged${but}\n`;
    for (const { section, instance, bytes } of places) {
      text += `  ${printable(`${section} ${instance}`)}: ${sizeText(bytes)}\n`;
    }
  }
  for (const { block, path, size, written } of extracted ?? []) {
    text += `${printable(block)}: ${formatSize(size)} in "${printable(path)}"` +
      `, ${formatSize(written)} written\n`;
  }
  if (changed !== undefined) {
    const { field, path } = changed;
    text += `${printable(`${field.section}  ${field.path}`)}  ${
      printable(`${field.old} → ${field.new}`)
    }, at offset ${field.offset} of "${printable(path)}"\n`;
  }
  return text;
}
