/**
 * Breaks states and looks into them, in processes that are started again when
 * one dies. A seed and the number of a run always give the same state.
 *
 * @module
 */

import { linesOf } from "../testing/program/lines.ts";
import { mebibytes } from "./fuzz/limits.ts";
import { AGAIN, type FuzzLine, type Ran } from "./fuzz/line.ts";
import { taskOptions } from "./options.ts";

const HELP = `\
Break states and look into them.

Usage: deno task fuzz [OPTION]...

  --seed NUMBER  repeat the runs of this seed (default: another each time)
  --runs NUMBER  number of runs (default: 10000)
  --only NUMBER  this run of the seed alone
  --jobs NUMBER  processes at once (default: one for each core)
`;

const DEFAULT_RUNS = 10_000;
/** Runs between two lines about how far it has come. */
const STEP = 10_000;
const WORKER = new URL("fuzz/worker.ts", import.meta.url).pathname;
/**
 * Little room for young objects keeps garbage from being counted as memory, and
 * a limit keeps a state that takes all memory from the host.
 */
const V8_FLAGS =
  "--expose-gc,--max-semi-space-size=4,--max-old-space-size=1024";

/** The runs of one kind. */
interface Total {
  runs: number;
  decoded: number;
  cpuMs: number;
  memory: number;
  written: number;
}

/** All runs of a seed. */
class Campaign {
  readonly #totals = new Map<string, Total>();
  readonly #start = performance.now();
  #done = 0;
  /** Runs that ended in a way that they may not. */
  problems = 0;

  constructor(private readonly seed: number) {}

  add(run: number, ran: Ran): void {
    const { kind, outcome, cpuMs, memory, written, problem } = ran;
    const total = this.#totals.get(kind) ??
      { runs: 0, decoded: 0, cpuMs: 0, memory: 0, written: 0 };
    this.#totals.set(kind, total);
    total.runs++;
    if (outcome === "decoded") total.decoded++;
    total.cpuMs = Math.max(total.cpuMs, cpuMs);
    total.memory = Math.max(total.memory, memory);
    total.written = Math.max(total.written, written);
    if (problem !== undefined) this.fail(run, problem);
    if (++this.#done % STEP === 0) {
      const rate = 1000 * this.#done / (performance.now() - this.#start);
      console.log(`${this.#done} runs, ${rate.toFixed(0)}/s`);
    }
  }

  fail(run: number, problem: string): void {
    this.problems++;
    console.error(`--seed ${this.seed} --only ${run}: ${problem}`);
  }

  summary(): string {
    return [...this.#totals].map(([kind, total]) =>
      `${kind}: ${total.runs} runs, ${total.decoded} decoded; at most ` +
      `${total.cpuMs.toFixed(0)} ms of CPU time, ${mebibytes(total.memory)} ` +
      `of memory, ${mebibytes(total.written)} of output`
    ).join("\n");
  }
}

/** The runs of one process, and of those that follow it. */
interface Part {
  readonly seed: number;
  readonly first: number;
  readonly step: number;
  readonly end: number;
}

async function work(campaign: Campaign, part: Part): Promise<void> {
  const { seed, step, end } = part;
  // In memory: some states have thousands of blocks, each a file.
  const folder = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "cprctl-" });
  try {
    for (let next = part.first; next < end;) {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--allow-all", "--no-check", `--v8-flags=${V8_FLAGS}`],
          ...[WORKER, ...[seed, next, step, end].map(String), folder],
        ],
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      let current: number | undefined;
      for await (const text of linesOf(child.stdout)) {
        const line: FuzzLine = JSON.parse(text);
        if ("begins" in line) current = line.begins;
        else {
          campaign.add(line.run, line.ran);
          next = line.run + step;
        }
      }
      const { success, code, signal } = await child.status;
      if (success || code === AGAIN) continue;
      const how = `the process ended with ${signal ?? `exit code ${code}`}`;
      if (current === undefined) throw new Error(`Before any run ${how}`);
      campaign.fail(current, how);
      next = current + step;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const { numbers } = taskOptions(HELP, {
  numbers: ["seed", "runs", "only", "jobs"],
});
const {
  seed = Math.floor(Math.random() * 2 ** 31),
  only,
  jobs = navigator.hardwareConcurrency,
} = numbers;
const { runs = DEFAULT_RUNS } = numbers;
console.log(
  `seed ${seed}, ${only === undefined ? `${runs} runs` : `run ${only}`}`,
);
const parts = only !== undefined
  ? [{ seed, first: only, step: 1, end: only + 1 }]
  : Array.from({ length: jobs }, (_, job) => ({
    seed,
    first: job,
    step: jobs,
    end: runs,
  }));
const campaign = new Campaign(seed);
await Promise.all(parts.map((part) => work(campaign, part)));
console.log(campaign.summary());
Deno.exit(campaign.problems === 0 ? 0 : 1);
