import { GUEST } from "../../testing/qemu/guest.ts";
import { openDescriptors } from "../../testing/program/descriptors.ts";

/** What the thread is told; it counts rounds so that none is missed. */
export interface WatchOrder {
  /** The memfd of guest RAM. */
  readonly path: string;
  /** Where the guest counts, in bytes from the start of RAM. */
  readonly counter: number;
  /** Int32: questions asked, questions answered, 1 when it is over. */
  readonly rounds: SharedArrayBuffer;
  /** Float64: milliseconds. */
  readonly downtime: SharedArrayBuffer;
}

const BACKING = "/memfd:memory-backend-memfd";
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Sees from outside for how long a guest is stopped: a thread of its own
 * looks every half millisecond at what the guest counts. The same for whoever updates the
 * VM, and whatever QEMU says of the downtime.
 */
export class GuestWatch implements Disposable {
  readonly #rounds = new SharedArrayBuffer(12);
  readonly #downtime = new SharedArrayBuffer(8);

  /** @param pid of the VM; its RAM stays the same over every update */
  constructor(pid: number) {
    const ram = openDescriptors(pid)
      .find(({ target }) => target.startsWith(BACKING));
    if (ram === undefined) throw new Error(`Cannot find the RAM of ${pid}`);
    const order: WatchOrder = {
      path: `/proc/${pid}/fd/${ram.number}`,
      counter: GUEST.counter,
      rounds: this.#rounds,
      downtime: this.#downtime,
    };
    const module = new URL("programs/guest_watch.ts", import.meta.url);
    new Worker(module, { type: "module" }).postMessage(order);
  }

  /** The longest downtime since the last call, in milliseconds. */
  async longestDowntime(): Promise<number> {
    const rounds = new Int32Array(this.#rounds);
    const asked = Atomics.add(rounds, 0, 1) + 1;
    const answered = Atomics.waitAsync(rounds, 1, asked - 1, ANSWER_TIMEOUT_MS);
    if (await answered.value === "timed-out") {
      throw new Error("Cannot see the guest: no answer");
    }
    return new Float64Array(this.#downtime)[0] ?? NaN;
  }

  /** Ends the thread, which hears nothing but this: it never stops to listen. */
  [Symbol.dispose](): void {
    Atomics.store(new Int32Array(this.#rounds), 2, 1);
  }
}
