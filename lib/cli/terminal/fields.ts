/** Some fields of a state on a terminal, and what is said of fields. @module */

import { descriptionOf } from "../../inspect/description.ts";
import type { FoundField } from "../../inspect/find_fields.ts";
import { printable } from "../../inert.ts";
import type { DeviceDescription } from "../../migration/stream/vmdesc.ts";
import { aligned } from "../wording/columns.ts";
import { hexdump } from "./hexdump.ts";
import type { InspectLook } from "./inspection.ts";
import { painter } from "./paint.ts";

/** Fields, one a line, with their sections. */
export function* renderFound(
  fields: readonly FoundField[],
  look: InspectLook,
): Generator<string> {
  const paint = painter(look.colour);
  const dumps = fields.map(({ bytes, offset }) =>
    bytes === undefined ? [] : hexdump(bytes, offset ?? 0)
  );
  const rows = fields.map(({ offset, section, path, text }) => [
    ...look.offsets ? [String(offset ?? "")] : [],
    ...[printable(section), printable(path), printable(text)],
  ]);
  for (const [index, row] of aligned(rows, look.offsets ? [0] : []).entries()) {
    const [text = "", path = "", ...before] = row.toReversed();
    const place = before.reverse().map((it) => paint(it, "faint"));
    yield `${[...place, paint(path, "busy"), text].join("  ").trimEnd()}\n`;
    for (const line of dumps[index] ?? []) yield `  ${line}\n`;
  }
}

/** The vmdesc of devices. */
export function* renderDescription(
  devices: readonly DeviceDescription[],
): Generator<string> {
  for (const device of devices) {
    for (const line of descriptionOf(device)) yield `${printable(line)}\n`;
  }
}
