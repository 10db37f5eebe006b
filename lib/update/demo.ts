/**
 * The demonstration: a machine of our own is started, updated in place, looked
 * at before and after, and ended.
 *
 * @module
 */

import { isObject, type Json, type QmpAddress, QmpClient } from "../qmp/mod.ts";
import { CprctlError } from "../errors.ts";
import { asArray, asObject } from "./reply.ts";
import type { PhaseObserver } from "./phase_clock.ts";
import type { Comparison, Report } from "./report.ts";
import { update } from "./update.ts";

const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 5_000;

/** What the guest is to have done before it is moved. */
const TICKS_BEFORE = 10n;

const RAM_OPTIONS = [
  "-machine",
  "virt,aux-ram-share=on",
  "-object",
  "memory-backend-memfd,id=ram0,size=64M,share=on",
  "-name",
  "demo",
];

/** What is looked at before and after. */
interface Sight {
  readonly pid: number;
  readonly inode: string;
  readonly address: string;
  readonly counter: bigint;
  readonly ticks: bigint;
}

/**
 * Updates a machine of our own.
 *
 * @param self the words that start this program
 * @throws {CprctlError} when the machine does not start, or its guest noticed
 */
export async function demonstrate(
  self: readonly string[],
  observer?: PhaseObserver,
): Promise<Report> {
  const directory = await Deno.makeTempDir({ prefix: "cprctl-demo-" });
  const address = { path: `${directory}/qmp` };
  const [program = "", ...words] = self;
  const machine = new Deno.Command(program, {
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
  try {
    const before = await look(address, TICKS_BEFORE);
    const report = await update({
      address,
      timeoutMs: START_TIMEOUT_MS,
      self,
      observer,
    });
    if (report.outcome !== "updated") return report;
    const after = await look(address, before.ticks + TICKS_BEFORE);
    return { ...report, before_after: compare(before, after) };
  } finally {
    await end(machine, address);
    await Deno.remove(directory, { recursive: true });
  }
}

/** Waits until the guest has done so much, then looks at it. */
async function look(address: QmpAddress, ticks: bigint): Promise<Sight> {
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
      throw new CprctlError("guest-slow", "The guest does not get on");
    }
  }
}

function ramOf(reply: Json): { inode: string; address: string } {
  const ram = asArray(reply).filter(isObject)
    .find(({ name }) => name === "ram0");
  return { inode: String(ram?.["inode"]), address: String(ram?.["address"]) };
}

function compare(before: Sight, after: Sight): Comparison[] {
  const row = (what: string, key: keyof Sight): Comparison => ({
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

async function end(machine: Deno.ChildProcess, address: QmpAddress) {
  const timer = setTimeout(() => machine.kill("SIGKILL"), END_TIMEOUT_MS);
  try {
    await using client = await QmpClient.connect(address, {
      timeoutMs: END_TIMEOUT_MS,
    });
    await client.execute("quit");
  } catch (error) {
    if (!(error instanceof CprctlError)) throw error;
    machine.kill("SIGKILL"); // it does not listen any more
  }
  await machine.status;
  clearTimeout(timer);
}
