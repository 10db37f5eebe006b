/** The output of `inspect` on a terminal. */

import type {
  CprStateInspection,
  InspectedSection,
  StreamInspection,
} from "../../inspect/inspection.ts";
import { scalarText, treeOf } from "../../inspect/tree.ts";
import { uuidText } from "../../migration/stream/configuration.ts";
import { Command, RAM_SECTION } from "../../migration/stream/framing.ts";
import type { RamBlockStatistics } from "../../migration/stream/ram_statistics.ts";
import type { CommandRecord } from "../../migration/stream/records.ts";
import type { Look } from "../process.ts";
import { aligned, columnsOf, padEnd, padStart } from "../wording/columns.ts";
import { formatSize } from "../wording/format.ts";
import { printable } from "../../inert.ts";
import { type Paint, painter } from "./paint.ts";

/** The most columns of a field's name, with its indent. */
const NAME_COLUMNS = 42;
const LABEL_COLUMNS = 14;
/** Postcopy has some dozens. */
const SHOWN_COMMANDS = 64;

/** How to render an inspection. */
export interface InspectLook extends Look {
  /** Whether each line begins with its stream offset. */
  readonly offsets: boolean;
}

/** The names of commands between sections, by number. */
const COMMANDS: ReadonlyMap<number, string> = new Map(
  Object.entries(Command).map(([name, number]) => [
    number,
    name.toLowerCase().replaceAll("_", "-"),
  ]),
);

/** The summary of a stream: everything but its sections. */
export function* renderSummary(
  inspection: StreamInspection,
  look: InspectLook,
): Generator<string> {
  const paint = painter(look.colour);
  const { decoded, file, size, sections, ram, undescribed, problem } =
    inspection;
  const { configuration, layout, records, vmdesc, trailing } = decoded;
  yield `${paint(printable(file), "strong")}: migration stream, ${
    sizeText(size)
  }\n\n`;
  yield label(paint, "machine", configuration?.machine ?? "unknown");
  yield label(paint, "pages", `${layout.pageSize} bytes`);
  const { capabilities = [], uuid } = configuration ?? {};
  if (capabilities.length > 0) {
    yield label(paint, "capabilities", capabilities.join(", "));
  }
  if (uuid !== undefined) yield label(paint, "uuid", uuidText(uuid));
  const commands = [
    ...records.filter((record) => record.type === "command"),
    ...inspection.packages.flatMap(({ records }) =>
      records.filter((record) => record.type === "command")
    ),
  ].sort((a, b) => a.offset - b.offset);
  if (commands.length > 0) {
    const shown = commands.slice(0, SHOWN_COMMANDS).map(commandText);
    const more = commands.length - shown.length;
    if (more > 0) shown.push(`… ${more} more`);
    yield label(paint, "commands", shown.join(", "));
  }
  yield label(paint, "sections", String(sections.length));
  yield label(
    paint,
    "description",
    vmdesc !== undefined
      ? `at ${vmdesc.offset}`
      : problem === undefined
      ? "none: fields are known of virtio devices alone"
      : "not reached",
  );
  if (trailing.length > 0) {
    yield label(paint, "trailing", sizeText(trailing.length));
  }
  if (undescribed !== undefined) {
    const { offset, size } = undescribed;
    yield label(
      paint,
      "not readable",
      `${sizeText(size)} from offset ${offset} on`,
    );
  }
  yield* renderRam(ram, paint);
  if (sections.length > 0) yield "\n";
}

function commandText(
  { command, offset }: Pick<CommandRecord, "command" | "offset">,
): string {
  return `${COMMANDS.get(command) ?? command} at ${offset}`;
}

function label(paint: Paint, name: string, text: string): string {
  return `  ${paint(padEnd(name, LABEL_COLUMNS), "faint")}${printable(text)}\n`;
}

/** 1 byte; 1536 bytes (1.5 KiB). */
export function sizeText(bytes: number): string {
  if (bytes === 1) return "1 byte";
  const exact = `${bytes} bytes`;
  return bytes < 1024 ? exact : `${exact} (${formatSize(bytes)})`;
}

const RAM_HEAD = ["RAM", "size", "pages", "zero pages", "sent"] as const;
const ADDRESS_HEAD = "address";

function* renderRam(
  blocks: readonly RamBlockStatistics[],
  paint: Paint,
): Generator<string> {
  if (blocks.length === 0) return;
  const hasAddresses = blocks.some(({ address }) => address !== undefined);
  const head = hasAddresses ? [...RAM_HEAD, ADDRESS_HEAD] : RAM_HEAD;
  yield "\n";
  yield* renderTable([
    head,
    ...blocks.map((block) => [
      printable(block.name),
      formatSize(block.size),
      pagesText(block),
      String(block.zeroPages),
      formatSize(block.sentBytes),
      ...block.address === undefined ? [] : [`0x${block.address.toString(16)}`],
    ]),
  ], paint);
}

/** A head and rows; all columns but the first are aligned to the right. */
function* renderTable(
  cells: readonly (readonly string[])[],
  paint: Paint,
): Generator<string> {
  const right = [...cells[0]?.keys() ?? []].slice(1);
  const [head = [], ...rows] = aligned(cells, right);
  yield `  ${paint(head.join("   "), "faint")}\n`;
  for (const row of rows) yield `  ${row.join("   ")}\n`;
}

/** 3; 3 + 2 xbzrle. */
function pagesText(
  { pages, xbzrlePages, compressedPages }: RamBlockStatistics,
): string {
  let text = String(pages);
  if (xbzrlePages > 0) text += ` + ${xbzrlePages} xbzrle`;
  if (compressedPages > 0) text += ` + ${compressedPages} compressed`;
  return text;
}

/** Sections with their fields. */
export function* renderSections(
  sections: readonly InspectedSection[],
  look: InspectLook,
): Generator<string> {
  const paint = painter(look.colour);
  const columns = look.offsets
    ? columnsOf(sections.map(({ offset, size }) => String(offset + size)))
    : 0;
  const place = (offset: number | undefined) =>
    columns === 0
      ? ""
      : `${paint(padStart(String(offset ?? ""), columns), "faint")}  `;
  for (const [index, section] of sections.entries()) {
    if (index > 0) yield "\n";
    const { name, instanceId, version, offset, size, state } = section;
    const about = `version ${version}, ${sizeText(size)}`;
    const isOpaque = state === undefined && name !== RAM_SECTION.name;
    const title = paint(printable(`${name} ${instanceId}`), "strong");
    yield `${place(offset)}${title}  ${paint(about, "faint")}\n`;
    const indent = `${place(undefined)}  `;
    if (state instanceof Uint8Array) {
      const bytes = printable(scalarText("buffer", state));
      yield `${indent}${paint("not described", "careful")}  ${bytes}\n`;
    } else if (isOpaque) {
      const what = "in a format that only its own code can parse";
      const where = look.offsets ? "" : `, from offset ${offset} on`;
      yield `${indent}${paint(what, "careful")}${where}\n`;
    } else if (state !== undefined) yield* renderState(state, place, paint);
  }
}

function* renderState(
  state: Parameters<typeof treeOf>[0],
  place: (offset: number | undefined) => string,
  paint: Paint,
): Generator<string> {
  const lines = treeOf(state);
  const names = lines.map(({ depth, name }) =>
    "  ".repeat(depth + 1) + printable(name)
  );
  const width = Math.min(NAME_COLUMNS, columnsOf(names));
  for (const [index, { text, offset }] of lines.entries()) {
    const name = names[index] ?? "";
    const rest = text === "" ? "" : `  ${printable(text)}`;
    const shown = rest === "" ? name : padEnd(name, width);
    yield `${place(offset)}${paint(shown, "busy")}${rest}\n`;
  }
}

/** CPR state. */
export function* renderCprState(
  inspection: CprStateInspection,
  look: Look,
): Generator<string> {
  const paint = painter(look.colour);
  const { file, size, state, transferred } = inspection;
  const mode = transferred ? "of cpr-transfer" : "of cpr-exec";
  yield `${paint(printable(file), "strong")}: CPR state ${mode}, ${
    sizeText(size)
  }\n\n`;
  const { descriptors, vfioDevices } = state;
  yield* renderTable([
    ["name", "id", "descriptor"],
    ...descriptors.map(({ name, id, descriptor }) => [
      ...[printable(name), String(id)],
      transferred ? "sent alongside" : String(descriptor),
    ]),
  ], paint);
  for (const device of vfioDevices ?? []) {
    yield `  ${printable(device.name)}  vfio device ${device.deviceId}, ioas ` +
      `${device.ioasId}, hwpt ${device.hwptId}\n`;
  }
}
