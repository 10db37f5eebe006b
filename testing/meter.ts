/** What one piece of work after the other takes in this process. */

import { cpuTimeIn, ownUsage, peakMemoryIn } from "../ffi/cpu_time.ts";
import { getLimit, setLimit } from "../ffi/limits.ts";

/** What a piece of work took. */
export interface Taken {
  /** Of CPU time, which the load of the host does not change. */
  readonly cpuMs: number;
  /** Bytes that were resident at once, beyond those at the start. */
  readonly memory: number;
}

/** Takes the most memory of the past for that of now: proc_pid_clear_refs(5). */
const RESET_PEAK = new TextEncoder().encode("5");

/** Measures CPU time and memory. */
export class Meter implements Disposable {
  readonly #reset = Deno.openSync("/proc/self/clear_refs", { write: true });
  /** Bytes that are there without any work. */
  readonly #idle: number;
  #startMs = 0;

  constructor() {
    collectGarbage();
    this.#resetPeak();
    this.#idle = peakMemoryIn(ownUsage());
  }

  /** @param mostS of CPU time; SIGXCPU ends the process then */
  begin(mostS: number): void {
    this.#resetPeak();
    this.#startMs = cpuTimeIn(ownUsage());
    const soft = BigInt(Math.ceil(this.#startMs / 1000) + mostS);
    setLimit("CPU", { ...getLimit("CPU"), soft });
  }

  /** What was taken since the beginning. */
  end(): Taken {
    const usage = ownUsage();
    return {
      cpuMs: cpuTimeIn(usage) - this.#startMs,
      memory: Math.max(0, peakMemoryIn(usage) - this.#idle),
    };
  }

  #resetPeak(): void {
    this.#reset.writeSync(RESET_PEAK);
  }

  [Symbol.dispose](): void {
    this.#reset.close();
  }
}

/** So that it is not taken for memory in use; needs V8's --expose-gc. */
export function collectGarbage(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (gc instanceof Function) gc();
}
