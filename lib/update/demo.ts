/**
 * The demonstration: starts an embedded machine, updates it in place, compares
 * it before and after, and ends it.
 *
 * @module
 */

import { CprctlError } from "../errors.ts";
import { type Json, type QmpAddress, QmpClient } from "../qmp/mod.ts";
import type { Comparison, Report } from "./report/report.ts";
import {
  DeferredSignals,
  refuseIfInterrupted,
} from "./transaction/deferred_signals.ts";
import type { PhaseObserver } from "./phase.ts";
import { update } from "./update.ts";
import { asObject, objectsIn } from "./vm/reply.ts";

const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 5_000;

/** How many timer ticks the guest makes before it is moved. */
const TICKS_BEFORE = 10n;

const RAM_OPTIONS = [
  "-machine",
  "virt,aux-ram-share=on",
  "-object",
  "memory-backend-memfd,id=ram0,size=64M,share=on",
  "-name",
  "demo",
];

/** What is compared before and after. */
interface Observation {
  readonly pid: number;
  readonly inode: string;
  readonly address: string;
  readonly counter: bigint;
  readonly ticks: bigint;
}

/**
 * Updates an embedded machine, and removes it again.
 *
 * @param self the command that starts cprctl itself
 * @throws {CprctlError} when the machine does not start, or the guest finds its
 * memory changed
 */
export async function demonstrate(
  self: readonly string[],
  observer?: PhaseObserver,
): Promise<Report> {
  using signals = new DeferredSignals();
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "cprctl-demo-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  const address = { path: `${directory}/qmp` };
  const machine = resources.use(new DemoMachine(self, address));

  const before = await Promise.race([
    observe(address, TICKS_BEFORE),
    machine.lost,
    signals.first,
  ]);
  refuseIfInterrupted(signals);
  if (before === undefined) throw new TypeError("Interrupted without a signal");
  const report = await update({
    address,
    timeoutMs: START_TIMEOUT_MS,
    self,
    observer,
  });
  if (report.outcome !== "updated") return report;
  const after = await Promise.race([
    observe(address, before.ticks + TICKS_BEFORE),
    machine.lost,
    signals.first,
  ]);
  if (after === undefined) {
    const warnings = new Set([...report.warnings, ...signals.warnings()]);
    return { ...report, warnings: [...warnings] };
  }
  return { ...report, before_after: compare(before, after) };
}

/** The machine; disposing ends it. */
class DemoMachine implements AsyncDisposable {
  readonly #address: QmpAddress;
  readonly #child: Deno.ChildProcess;
  #ended = false;
  /** Rejects when the machine ends by itself. */
  readonly lost: Promise<never>;

  constructor([program = "", ...words]: readonly string[], address: {
    readonly path: string;
  }) {
    this.#address = address;
    this.#child = new Deno.Command(program, {
      args: [
        ...words,
        "machine",
        ...RAM_OPTIONS,
        "-qmp",
        `unix:${address.path},server=on,wait=off`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.lost = this.#child.status.then(({ code }) => {
      this.#ended = true;
      throw new CprctlError(
        "demo-ended",
        `The demo's machine ended with exit code ${code}`,
      );
    });
    // Raced while the machine is observed; avoids an unhandled rejection later.
    this.lost.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#kill(), END_TIMEOUT_MS);
    try {
      await using client = await QmpClient.connect(this.#address, {
        timeoutMs: END_TIMEOUT_MS,
      });
      await client.execute("quit");
    } catch (error) {
      if (!(error instanceof CprctlError)) throw error;
      this.#kill(); // it does not listen yet, or no longer
    }
    await this.#child.status;
    clearTimeout(timer);
  }

  #kill(): void {
    if (!this.#ended) this.#child.kill("SIGKILL");
  }
}

/** Waits until the guest has made that many ticks, then observes it. */
async function observe(
  address: QmpAddress,
  ticks: bigint,
): Promise<Observation> {
  await using client = await QmpClient.connectAgain(address, {
    timeoutMs: START_TIMEOUT_MS,
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const guest = asObject(await client.execute("x-query-guest"));
    if (guest["error"] !== 0) {
      throw new CprctlError(
        "guest-error",
        `The guest found its memory changed: ${guest["error"]}`,
      );
    }
    const done = BigInt(String(guest["ticks"]));
    if (done >= ticks) {
      const ram = ramOf(await client.execute("x-query-ramblock"));
      const counter = BigInt(String(guest["counter"]));
      return { pid: client.peer?.pid ?? 0, ...ram, counter, ticks: done };
    }
    if (performance.now() > deadline) {
      throw new CprctlError("guest-slow", "The guest is not making progress");
    }
  }
}

function ramOf(reply: Json): { inode: string; address: string } {
  const ram = objectsIn(reply)
    .find(({ name }) => name === "ram0");
  return { inode: String(ram?.["inode"]), address: String(ram?.["address"]) };
}

function compare(before: Observation, after: Observation): Comparison[] {
  const row = (what: string, key: keyof Observation): Comparison => ({
    what,
    before: String(before[key]),
    after: String(after[key]),
  });
  return [
    row("process id", "pid"),
    row("guest RAM, inode", "inode"),
    row("guest RAM, address", "address"),
    row("guest counter", "counter"),
    row("guest timer ticks", "ticks"),
  ];
}
