/**
 * Boosts a thread of another process to the priority of this one, for a while.
 *
 * A thread that waits for a futex with priority inheritance passes its priority
 * on to the owner of the futex. The futex word names the owner, and it is ours:
 *
 * ```
 * our word = tid of the other thread
 * our thread, of a real-time class ── FUTEX_LOCK_PI2(word, deadline) ─▶ waits
 *   the other thread runs with our thread's priority until
 *     it ends or executes a program      our thread has the futex
 *     the deadline, or our thread's end  our thread has nothing
 * ```
 *
 * No attribute of the other thread is changed, so nothing has to be restored,
 * even if this process is killed. Threads and children that it starts do not
 * inherit the boost.
 *
 * @module
 */

import { call, libc } from "./libc.ts";
import { Mapping } from "./mapping.ts";
import { createMemfd } from "./memfd.ts";

/** Not private: the owner is in another process. Linux 5.14. */
const FUTEX_LOCK_PI2 = 13;
const CLOCK_MONOTONIC = 1;
const NANOSECONDS = 1_000_000_000n;
const WORD_BYTES = 4;
const WORDS = 1024;

/**
 * How a boost ended. "released": the thread ended, or executed a program.
 * "over": at the timeout. "refused": there is no such thread, it is executing a
 * program right now, or the kernel does not support this.
 */
export type BoostEnd = "released" | "over" | "refused";

/** Boosts the priority of threads. */
export class PriorityBooster implements Disposable {
  readonly #mapping: Mapping;
  readonly #words: Uint32Array;
  readonly #free: number[] = [];

  constructor() {
    using memfd = createMemfd("cprctl-priority");
    memfd.truncate(WORDS * WORD_BYTES);
    this.#mapping = Mapping.map(memfd, {
      length: WORDS * WORD_BYTES,
      shared: true,
      writable: true,
    });
    this.#words = new Uint32Array(this.#mapping.buffer);
    for (let word = 0; word < WORDS; word++) this.#free.push(word);
  }

  /**
   * Boosts a thread to the priority of the runtime thread that waits. The boost
   * follows changes of that priority.
   *
   * @param tid of any thread of any process
   */
  async boost(tid: number, milliseconds: number): Promise<BoostEnd> {
    const word = this.#free.pop();
    if (word === undefined) return "refused";
    this.#words[word] = tid;
    const end = now() + BigInt(Math.round(milliseconds * 1_000_000));
    const deadline = BigInt64Array.of(end / NANOSECONDS, end % NANOSECONDS);
    try {
      const result = await libc().futex_on_thread(
        this.#mapping.address + BigInt(word * WORD_BYTES),
        FUTEX_LOCK_PI2,
        0,
        deadline,
      );
      if (result === 0) return "released";
      // The other thread's errno is not accessible.
      return now() >= end ? "over" : "refused";
    } finally {
      this.#free.push(word);
    }
  }

  /** Only after every boost has ended. */
  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** Nanoseconds on the clock of futex deadlines. */
function now(): bigint {
  const time = new BigInt64Array(2);
  call("clock_gettime", [CLOCK_MONOTONIC, time]);
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * NANOSECONDS + nanoseconds;
}
