/** The downtime where the new program fails, and the old one goes on. */

import type { Destination } from "../../lib/update/transaction/destination.ts";
import { update } from "../../lib/update/update.ts";
import { RICH, VirtualMachine } from "../../testing/qemu/mod.ts";
import { SELF } from "../../testing/update/cprctl.ts";
import {
  lieOnceLoaded,
  withDestination,
} from "../../testing/update/destination.ts";
import { realHost } from "./real_host.ts";
import { Road } from "./road.ts";
import { interleave, type Measure } from "./series.ts";
import { MILLISECONDS, printNote, printTable, printTitle } from "./table.ts";

const TIMEOUT_MS = 60_000;
const ROUNDS = 5;
const MACHINE = { ...RICH, busy: true } as const;
/** What the ratio shall be at most. */
const TARGET = 1.5;

/** Has a new program fail while the guest is stopped. */
type Trouble = (destination: Destination, pid: number) => void;

const signalWhileLoading =
  (signal: Deno.Signal): Trouble => (destination, pid) => {
    const load = destination.load.bind(destination);
    destination.load = async (...order) => {
      using watch = destination.client.watch(["MIGRATION"]);
      const active = watch.next((it) => it.data["status"] === "active", {
        timeoutMs: TIMEOUT_MS,
      });
      active.then(() => Deno.kill(pid, signal));
      await load(...order);
    };
  };

const TROUBLES: Readonly<Record<string, Trouble>> = {
  "killed while it loads": signalWhileLoading("SIGKILL"),
  "stopped while it loads": signalWhileLoading("SIGSTOP"),
  "stopped when it is to resume": (destination, pid) => {
    const resume = destination.resume.bind(destination);
    destination.resume = async () => {
      Deno.kill(pid, "SIGSTOP");
      return await resume();
    };
  },
  "does not have what it says": (destination) =>
    lieOnceLoaded(destination, "query-pci", []),
};

/** Each beside a good update. */
export async function benchFailing(): Promise<void> {
  const host = await realHost("failing");
  if (host === undefined) return;
  const { builds, accelerator } = host;
  printTitle(
    "failing",
    `${MACHINE.name}, ${accelerator}, by cpr-transfer: the guest's downtime`,
  );
  await using vm = await VirtualMachine.boot(builds.old, MACHINE, accelerator);
  const road = new Road(vm, builds);
  const measure = (trouble?: Trouble): Measure => async () => {
    const to = trouble === undefined ? await road.next() : road.other;
    const report = await update({
      address: { path: vm.files.qmp },
      binary: to.binary,
      mode: "cpr-transfer",
      self: SELF,
    }, withDestination((destination, pid) => trouble?.(destination, pid)));
    const expected = trouble === undefined ? "updated" : "rolled-back";
    if (report.outcome !== expected) throw new Error(report.error?.message);
    if (report.pid_after !== null) vm.follow(report.pid_after);
    return report.downtime_ms ?? NaN;
  };
  const good = measure();
  for (let round = 0; round < 2; round++) await good();
  const series = await interleave(ROUNDS, {
    "a good update": good,
    ...Object.fromEntries(
      Object.entries(TROUBLES)
        .map(([name, trouble]) => [name, measure(trouble)]),
    ),
  });
  printTable(MILLISECONDS, series);
  printNote(`target: ${TARGET} × at most`);
}
