/** The virtual machines of a host as a table. */

import type { HostList, ListedVm } from "../../update/host/list.ts";
import type { Look } from "../process.ts";
import { aligned, columnsOf } from "../wording/columns.ts";
import { printable } from "../../inert.ts";
import { fileNameOf } from "../../path.ts";
import { painter, type Tone } from "./paint.ts";

const HEAD = ["PID", "NAME", "UPDATE", "STATUS", "VERSION", "QMP", "BINARY"];
const UPDATE = HEAD.indexOf("UPDATE");
const NOTHING = "-";
const GAP = "  ";

/** Renders the table; the text ends with a line feed. */
export function renderList(list: HostList, look: Look): string {
  return [...table(list.vms, look), ...footer(list)]
    .map((line) => `${line.trimEnd()}\n`).join("");
}

/**
 * A line for each VM, and one below for its obstacle. On a narrow terminal
 * binaries have their names alone.
 */
function table(
  vms: readonly ListedVm[],
  { colour, width }: Look,
): string[] {
  if (vms.length === 0) return ["No virtual machine was found"];
  const paint = painter(colour);
  const whole = aligned([HEAD, ...vms.map((vm) => cells(vm, true))], [0]);
  const fits = columnsOf(whole.map((row) => row.join(GAP))) <= width;
  const [head = [], ...rows] = fits
    ? whole
    : aligned([HEAD, ...vms.map((vm) => cells(vm, false))], [0]);
  const before = columnsOf([head.slice(0, UPDATE).join(GAP)]) + GAP.length;
  return [
    paint(head.join(GAP), "faint"),
    ...vms.flatMap((vm, index) => {
      const row = rows[index] ?? [];
      const [, tone] = verdict(vm);
      const painted = row.with(UPDATE, paint(row[UPDATE] ?? "", tone));
      const why = reason(vm);
      return [
        painted.join(GAP),
        ...why === null ? [] : [" ".repeat(before) + printable(why)],
      ];
    }),
  ];
}

function cells(vm: ListedVm, withPath: boolean): string[] {
  const { pid, name, status, version, binary_state, qmp, domain } = vm;
  const binary = withPath ? vm.binary : fileNameOf(vm.binary);
  const isSame = binary_state === "same";
  return [
    String(pid),
    name ?? NOTHING,
    verdict(vm)[0],
    status ?? NOTHING,
    version ?? NOTHING,
    qmp ?? (domain === null ? NOTHING : "libvirt"),
    isSame || !withPath ? binary : `${binary} (${binary_state})`,
  ].map(printable);
}

function verdict({ obstacle, due }: ListedVm): readonly [string, Tone] {
  if (obstacle !== null) return ["no", "bad"];
  return due ? ["due", "careful"] : ["not due", "good"];
}

function reason(vm: ListedVm): string | null {
  if (vm.obstacle !== null) return vm.obstacle;
  if (vm.binary_state === "deleted") {
    return "name the new binary with --binary: the old one was deleted";
  }
  const [first, ...others] = vm.replaced_libraries;
  if (first === undefined || vm.binary_state !== "same") return null;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `a library was replaced: ${first}${more}`;
}

function footer(list: HostList): string[] {
  const lines = [
    ...list.skipped.map(({ pid, why }) =>
      printable(`process ${pid} was skipped: ${why}`)
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
