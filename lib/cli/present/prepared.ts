/** Prints what VMs need. */

import { jsonText, printable } from "../../inert.ts";
import type {
  PrepareDocument,
  PreparedVm,
} from "../../update/managers/prepare.ts";
import type { CliProcess } from "../process.ts";

const REFUSED = 3;

/** Prints each VM with its lines, and sets the exit code. */
export function presentPrepared(
  process: CliProcess,
  json: boolean,
  document: PrepareDocument,
): void {
  process.stdout.write(json ? jsonText(document) : asText(document));
  process.exitCode = document.vms.every(({ ready }) => ready) ? 0 : REFUSED;
}

function asText({ vms, unreadable }: PrepareDocument): string {
  const others = unreadable === 0 ? [] : [
    `VMs of other users: ${unreadable}; run as root to see them`,
  ];
  const lines = vms.length === 0
    ? ["No virtual machine was found"]
    : vms.flatMap(linesOf);
  return [...lines, ...others].map((line) => `${line}\n`).join("");
}

function linesOf({ pid, name, manager, ready, needs, add }: PreparedVm) {
  const who = name ?? (pid === null ? "this command line" : "a VM");
  const process = pid === null ? "" : ` (process ${pid}, ${manager})`;
  return [
    printable(`${who}${process}: ${ready ? "ready" : "not ready"}`),
    ...needs.map(({ text }) => printable(`  ${text}`)),
    ...add.flatMap(({ file, lines }) => [
      printable(`  add to ${file}, for the next start:`),
      ...lines.flatMap((line) => line.split("\n"))
        .map((line) => printable(`    ${line}`)),
    ]),
  ];
}
