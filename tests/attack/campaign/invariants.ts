/** What may be left when a round is over. */

import { ifThereSync, isGone } from "../../../lib/gone.ts";
import { until } from "../../../testing/program/until.ts";
import type { Attacker } from "./attacker.ts";

const SETTLE_MS = 30_000;

/** Processes whose file of this name in /proc has the text. */
function processesWith(
  name: "environ" | "cmdline",
  isMeant: (text: string) => boolean,
): number[] {
  const found: number[] = [];
  for (const { name: pid } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === Deno.pid) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/${name}`);
      if (isMeant(text)) found.push(Number(pid));
    } catch (error) {
      // A zombie has nothing to read.
      const isZombie = error instanceof Deno.errors.PermissionDenied;
      if (!isZombie && !isGone(error)) throw error;
    }
  }
  return found;
}

/** cprctl and what it started to keep a VM. */
function standbysOf(base: string): number[] {
  const mark = `RUNTIME_DIRECTORY=${base}`;
  return processesWith("environ", (it) => it.split("\0").includes(mark));
}

/** What was started by cprctl for an attacker, and lives in a cell. */
function inCells(folder: string): number[] {
  const space = (pid: number | "self") => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
    } catch {
      return undefined; // it is gone
    }
  };
  const own = space("self");
  return processesWith("cmdline", (it) => it.includes(folder))
    .filter((pid) => ![own, undefined].includes(space(pid)));
}

function mountsIn(base: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((it) => it.startsWith(`${base}/`));
}

function runDirectories(base: string): string[] {
  return [...Deno.readDirSync(base)].map(({ name }) => name)
    .filter((name) => !name.endsWith(".lock"));
}

/** @throws {Error} when something is left, and nobody was told */
export async function assertLeftNothing(
  base: string,
  attacker: Attacker,
  mayLeave: boolean,
): Promise<void> {
  const left = () => [
    ...inCells(attacker.folder).map((pid) => `process ${pid} in a cell`),
    ...mayLeave ? [] : [
      ...standbysOf(base).map((pid) => `process ${pid} of cprctl`),
      ...runDirectories(base),
      ...mountsIn(base),
    ],
  ];
  try {
    await until("nothing is left", SETTLE_MS, () => left().length === 0);
  } catch (error) {
    throw new Error(`Left: ${left().join(", ")}`, { cause: error });
  }
}

/** Ends and removes what a person would have been asked to look at. */
export async function clearAway(base: string): Promise<void> {
  for (const pid of standbysOf(base)) {
    ifThereSync(() => Deno.kill(pid, "SIGKILL"));
  }
  for (const path of mountsIn(base)) {
    await new Deno.Command("umount", { args: ["-l", path] }).output();
  }
  for (const { name } of Deno.readDirSync(base)) {
    await Deno.remove(`${base}/${name}`, { recursive: true });
  }
}
