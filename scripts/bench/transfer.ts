/** The downtime of every way to move a VM. */

import type { Mode } from "../../lib/update/phase.ts";
import {
  type Machine,
  PLAIN,
  restoreByHand,
  RICH,
  transferByHand,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import { realHost } from "./real_host.ts";
import { forms } from "./forms.ts";
import { GuestWatch } from "./guest_watch.ts";
import { updateOf } from "./report.ts";
import { Road } from "./road.ts";
import { interleave, type Measure, type Series } from "./series.ts";
import { MILLISECONDS, printNote, printTable, printTitle } from "./table.ts";

const TIMEOUT_MS = 60_000;
const ROUNDS = 5;
const GB = 1024 ** 3;
/** More takes minutes. */
const COPIED = GB;

/** What the ratios shall be at most. */
const TARGETS = { byHand: 1.2, exec: 0.25 };

/** Machines, with bytes of RAM that the guest has written. */
const SCENES: readonly { machine: Machine; touched: number }[] = [
  { machine: { ...PLAIN, ram: "128M" }, touched: GB / 8 },
  { machine: { ...PLAIN, ram: "1G" }, touched: GB },
  { machine: { ...PLAIN, ram: "8G" }, touched: 8 * GB },
  { machine: RICH, touched: 0 },
];

/** Each way beside those of others, for RAM of several sizes. */
export async function benchTransfer(): Promise<void> {
  const host = await realHost("transfer");
  if (host === undefined) return;
  const { builds, accelerator } = host;
  for (const { machine, touched } of SCENES) {
    const { name, ram } = machine;
    printTitle(
      "transfer",
      `${name}, ${accelerator}, ${ram ?? "64M"} of RAM: from STOP to RESUME`,
    );
    const free = await freeBytes();
    if (free < touched + GB) {
      printNote(`skipped: it needs ${touched / GB} GB of free memory`);
      continue;
    }
    await using vm = await VirtualMachine.boot(
      builds.old,
      { ...machine, busy: true },
      accelerator,
    );
    touch(vm, touched);
    await benchWays(new Road(vm, builds), touched <= COPIED);
  }
}

/** @param copies whether ways that copy the RAM are measured, too */
async function benchWays(road: Road, copies: boolean): Promise<void> {
  const { vm } = road;
  const [cprctl] = forms().reverse();
  const by = (mode: Mode): Measure => async () => {
    const { binary } = await road.next();
    const words = ["--binary", binary, "--mode", mode];
    const report = await updateOf(cprctl?.argv ?? [], vm.files.qmp, words);
    if (report.pid_after !== null) vm.follow(report.pid_after);
    return report.downtime_ms ?? NaN;
  };
  const ways: Record<string, Measure> = {
    "cpr-exec, the barest client": async () => {
      using watch = new GuestWatch(vm.pid);
      const to = await road.next();
      await watch.longestDowntime();
      await updateByHand(vm, to);
      using ram = vm.ram();
      await ram.counterMoves(TIMEOUT_MS);
      return await watch.longestDowntime();
    },
    "cprctl --mode cpr-exec": by("cpr-exec"),
    "cpr-transfer by hand": async () =>
      await transferByHand(vm, await road.next()),
    "cprctl --mode cpr-transfer": by("cpr-transfer"),
    ...copies
      ? {
        "cprctl --mode live": by("live"),
        "saved with its RAM, and restored": async () =>
          await restoreByHand(vm, await road.next()),
      }
      : {},
  };
  for (const warmUp of Object.values(ways)) await warmUp();
  const series = await interleave(ROUNDS, ways);
  printTable(MILLISECONDS, series);
  const ratio = (one?: Series, other?: Series) =>
    ((one?.median ?? NaN) / (other?.median ?? NaN)).toFixed(2);
  const ours = series["cprctl --mode cpr-transfer"];
  const byHand = ratio(ours, series["cpr-transfer by hand"]);
  const exec = ratio(ours, series["cpr-exec, the barest client"]);
  printNote(
    `cprctl --mode cpr-transfer: ${byHand} × of the same by hand (target ` +
      `${TARGETS.byHand}), ${exec} × of the barest cpr-exec (target ` +
      `${TARGETS.exec})`,
  );
  if (!copies) printNote("so much RAM is not copied here: not live, not saved");
}

/** Has every page hold something of its own. */
function touch(vm: VirtualMachine, bytes: number): void {
  const chunk = new Uint8Array(1024 ** 2);
  for (let at = 0; at < chunk.length; at += 65_536) {
    crypto.getRandomValues(chunk.subarray(at, at + 65_536));
  }
  using ram = vm.ram();
  // The guest itself is at the start.
  for (let at = 32 * chunk.length; at < bytes; at += chunk.length) {
    ram.write(at, chunk);
  }
}

/** Of the host. */
async function freeBytes(): Promise<number> {
  const text = await Deno.readTextFile("/proc/meminfo");
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}
