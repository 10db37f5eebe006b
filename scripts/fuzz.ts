/** Breaks states and looks into them, in a worker that is watched. @module */

import { ownCpuTime } from "../ffi/cpu_time.ts";
import type { FuzzReport } from "../testing/streams/fuzz_decode.ts";
import { taskOptions } from "./options.ts";

const HELP = `\
Break states and look into them.

Usage: deno task fuzz [--seed NUMBER] [--runs NUMBER]

  --seed NUMBER  repeat the runs of this seed (default: another each time)
  --runs NUMBER  number of runs (default: 10000)
`;

const DEFAULT_RUNS = 10_000;
/**
 * No state of some hundred kilobytes may take more. Of CPU time, which the load
 * of the host does not change.
 */
const SLOWEST_MS = 1000;
/** Of states that were made to take long. */
const SLOWEST_BOMB_MS = 10_000;
/** A run that does not end is not waited for. Of CPU time as well. */
const HANG_MS = 20_000;
/**
 * Beyond what the program takes before the first run. Little room for young
 * objects (the task sets it) keeps garbage from being counted.
 */
const MOST_MEMORY = 256 * 1024 * 1024;
const WATCH_MS = 200;

/** What the worker is to do; `runs[0]` is the one that it is at. */
export interface FuzzOrder {
  readonly seed: number;
  readonly runs: number;
  readonly at: Int32Array<SharedArrayBuffer>;
}

/** How it ended. */
export type FuzzAnswer =
  | { readonly report: FuzzReport }
  | { readonly failure: string };

async function main(): Promise<number> {
  const { numbers } = taskOptions(HELP, { numbers: ["seed", "runs"] });
  const { seed = Math.floor(Math.random() * 2 ** 31), runs = DEFAULT_RUNS } =
    numbers;
  console.log(`seed ${seed}, ${runs} runs`);
  const at = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("fuzz_worker.ts", import.meta.url), {
    type: "module",
  });
  const answer = new Promise<FuzzAnswer>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<FuzzAnswer>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      resolve({ failure: event.message });
    };
  });
  const before = anonymousMemory();
  worker.postMessage({ seed, runs, at } satisfies FuzzOrder);
  const watch = new Watch(at, before);
  const ended = await Promise.race([answer, watch.trouble]);
  watch.stop();
  worker.terminate();
  return verdict(ended, watch.memory);
}

/** Bytes of memory, without mapped files. */
function anonymousMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]);
}

function verdict(ended: FuzzAnswer, memory: number): number {
  if ("failure" in ended) {
    console.error(ended.failure);
    return 1;
  }
  const { decoded, refused, slowestMs, slowestBombMs = 0 } = ended.report;
  const megabytes = (memory / 1024 / 1024).toFixed(0);
  console.log(
    `${decoded} decoded, ${refused} refused; the slowest took ` +
      `${slowestMs.toFixed(0)} ms of CPU time, the slowest bomb ` +
      `${slowestBombMs.toFixed(0)} ms; ${megabytes} MiB of memory at most`,
  );
  if (slowestMs <= SLOWEST_MS && slowestBombMs <= SLOWEST_BOMB_MS) return 0;
  console.error(
    `Cannot accept more than ${SLOWEST_MS} ms, or ${SLOWEST_BOMB_MS} ms of a ` +
      "bomb",
  );
  return 1;
}

/** Looks now and then whether the worker gets on, and what it takes. */
class Watch {
  /** Bytes that were taken at most. */
  memory = 0;
  readonly trouble: Promise<FuzzAnswer>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(at: Int32Array<SharedArrayBuffer>, before: number) {
    let run = -1;
    let since = ownCpuTime();
    const { promise, resolve } = Promise.withResolvers<FuzzAnswer>();
    this.trouble = promise;
    this.#timer = setInterval(() => {
      const now = Atomics.load(at, 0);
      if (now !== run) [run, since] = [now, ownCpuTime()];
      if (ownCpuTime() - since > HANG_MS) {
        resolve({ failure: `Run ${run} hangs` });
      }
      this.memory = Math.max(this.memory, anonymousMemory() - before);
      if (this.memory > MOST_MEMORY) {
        resolve({ failure: `Run ${run} takes ${this.memory} bytes of memory` });
      }
    }, WATCH_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

if (import.meta.main) Deno.exit(await main());
