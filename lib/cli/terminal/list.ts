/** The virtual machines of a host as a table, one line each. */

import type {
  BinaryState,
  HostList,
  ListedVm,
} from "../../update/host/list.ts";
import type { Look } from "../process.ts";
import { printable } from "../wording/printable.ts";
import { type Paint, painter, type Tone } from "./paint.ts";

const HEAD = ["PID", "NAME", "STATUS", "VERSION", "BINARY", "QMP", "UPDATE"];
const NOTHING = "-";
const GAP = "  ";

/** A program that went away can only be replaced by one that is named. */
const DUE: Readonly<Record<BinaryState, readonly [text: string, tone: Tone]>> =
  {
    same: ["not due", "good"],
    replaced: ["due", "careful"],
    deleted: ["due, with --binary", "careful"],
  };

/** Draws the table; the text ends with a line feed. */
export function renderList(list: HostList, { colour }: Look): string {
  const paint = painter(colour);
  return [...table(list.vms, paint), ...footer(list)]
    .map((line) => `${line.trimEnd()}\n`).join("");
}

function table(vms: readonly ListedVm[], paint: Paint): string[] {
  if (vms.length === 0) return ["No virtual machine was found"];
  const rows = vms.map(cells);
  const widths = HEAD.map((head, column) =>
    Math.max(...[head, ...rows.map((row) => row[column] ?? "")]
      .map((text) => text.length))
  );
  const line = (row: readonly string[]) =>
    row.slice(0, -1).map((text, column) =>
      column === 0
        ? text.padStart(widths[column] ?? 0)
        : text.padEnd(widths[column] ?? 0)
    ).join(GAP);
  return [
    paint(`${line(HEAD)}${GAP}${HEAD.at(-1)}`, "faint"),
    ...vms.map((vm, index) => {
      const [text, tone] = verdict(vm);
      return `${line(rows[index] ?? [])}${GAP}${paint(text, tone)}`;
    }),
  ];
}

function cells(vm: ListedVm): string[] {
  const { pid, name, status, version, binary, binary_state, qmp } = vm;
  const isSame = binary_state === "same";
  return [
    String(pid),
    name ?? NOTHING,
    status ?? NOTHING,
    version ?? NOTHING,
    isSame ? binary : `${binary} (${binary_state})`,
    qmp ?? NOTHING,
    verdict(vm)[0],
  ].map(printable);
}

function verdict({ obstacle, binary_state }: ListedVm): [string, Tone] {
  if (obstacle !== null) return [printable(`no: ${obstacle}`), "bad"];
  const [text, tone] = DUE[binary_state];
  return [text, tone];
}

function footer(list: HostList): string[] {
  const lines = [
    ...list.passed_over.map(({ pid, why }) =>
      printable(`process ${pid} was passed over: ${why}`)
    ),
    ...othersText(list),
  ];
  return lines.length === 0 ? [] : ["", ...lines];
}

function othersText({ unreadable }: HostList): string[] {
  if (unreadable === 0) return [];
  const more = unreadable === 1
    ? "1 more belongs to another user"
    : `${unreadable} more belong to other users`;
  return [`${more}: run as root to see all`];
}
