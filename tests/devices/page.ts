/** docs/devices.md: what became of every type of device. */

import type { QemuBuilds } from "../../testing/qemu/builds/builds.ts";
import type { Tried } from "./campaign.ts";
import type { DeviceType } from "../../testing/devices/catalogue.ts";
import { BOARD_NAMES, type Verdict } from "./trial.ts";

/** Each type with its verdicts, as the page has them. */
interface Row {
  readonly kind: string;
  readonly cells: readonly string[];
  readonly types: string[];
}

/** What is said of each type, by its name: a cell for each machine. */
export type Cells = Map<string, readonly string[]>;

/** The page for what was found. */
export function devicesPage(
  types: readonly DeviceType[],
  found: Cells,
  builds: QemuBuilds,
): string {
  const rows = new Map<string, Row>();
  for (const { name, kind } of types) {
    const cells = found.get(name) ?? BOARD_NAMES.map(() => "–");
    const key = JSON.stringify([kind, ...cells]);
    const row = rows.get(key) ?? { kind, cells, types: [] };
    row.types.push(name);
    rows.set(key, row);
  }
  return `${introduction(builds)}
<!-- deno-fmt-ignore-start -->

| kind | ${BOARD_NAMES.join(" | ")} | types |
| --- | --- | --- | --- | --- |
${[...rows.values()].map(line).join("\n")}

<!-- deno-fmt-ignore-end -->
`;
}

/** Puts what was tried in the place of what was known. */
export function update(cells: Cells, { type, board, verdict }: Tried): void {
  const before = cells.get(type) ?? BOARD_NAMES.map(() => "–");
  const at = BOARD_NAMES.indexOf(board);
  cells.set(type, before.with(at, cellFor(verdict)));
}

function introduction({ old, new: next }: QemuBuilds): string {
  return `# Devices

Every type of device that \`-device help\` of QEMU ${old.version} lists, but for models of
vCPUs, tried on each kind of machine under TCG. A VM with the device is moved to
QEMU ${next.version}, rolled back, and moved once more. \`deno task devices\` does it again
and writes this page.

- **updated**: both went well, and the guest's PCI devices, their addresses and
  interrupts, its memory map, its RAM and every property of its devices were the
  same as before.
- **refused**: the check of this name refuses the VM while the guest runs, and
  says why.
- **–**: no such machine has the device.
- **not tried**: it needs something that the test machines do not have.
`;
}

/** What the page says of a verdict. */
export function cellFor(verdict: Verdict): string {
  switch (verdict.kind) {
    case "updated":
      return "updated";
    case "refused":
      return `refused: ${idsOf(verdict.why).join(", ")}`;
    case "untried":
      return `not tried: needs ${verdict.why}`;
    case "failed":
      return "**failed**";
    case "absent":
      return "–";
  }
}

/** Names of checks, which are what is before a colon. */
function idsOf(why: string): string[] {
  return [...why.matchAll(/(?:^|; )([a-z][a-z-]+): /g)].map(([, id]) =>
    `\`${id}\``
  );
}

function line({ kind, cells, types }: Row): string {
  const names = types.map((type) => `\`${type}\``).join(", ");
  return `| ${[kind, ...cells, names].join(" | ")} |`;
}

/** What a page says. */
export function cellsIn(page: string): Cells {
  const found: Cells = new Map();
  for (const line of page.split("\n")) {
    if (!line.startsWith("| ")) continue;
    const [, , ...rest] = line.split("|").map((it) => it.trim());
    const cells = rest.slice(0, BOARD_NAMES.length);
    const names = rest[BOARD_NAMES.length] ?? "";
    for (const [, name = ""] of names.matchAll(/`([^`]+)`/g)) {
      found.set(name, cells);
    }
  }
  return found;
}
