/**
 * Waits for descriptors with poll(2).
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { call, callRetrying, libc } from "./libc.ts";

export const POLLIN = 0x001;
export const POLLOUT = 0x004;
export const POLLHUP = 0x010;

/** `struct pollfd { int fd; short events, revents; }` */
const POLLFD_SIZE = 8;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export interface PollEntry {
  readonly fd: number;
  /** POLLIN and POLLOUT; POLLERR, POLLHUP and POLLNVAL need no request. */
  readonly events: number;
}

/**
 * The events for which each descriptor is ready now, `POLL*` or-ed.
 *
 * @throws {OsError}
 */
export function pollNow(entries: readonly PollEntry[]): number[] {
  return pollHere(entries, 0);
}

/**
 * Like {@link poll}, but blocks this thread: only for very short waits.
 *
 * @throws {OsError}
 */
export function pollHere(
  entries: readonly PollEntry[],
  timeoutMs: number,
): number[] {
  const table = pollTable(entries);
  const timeout = wholeMilliseconds(timeoutMs);
  callRetrying("poll", [table, BigInt(entries.length), timeout]);
  return results(table, entries.length);
}

/**
 * Waits on a thread of the runtime until a descriptor is ready or the time is
 * over. The wait cannot be cancelled, and the descriptors must stay open until
 * it ends: {@link WaitableFd} handles both.
 *
 * @returns the events for which each descriptor is ready; all 0 at the timeout.
 * @throws {OsError}
 */
export async function poll(
  entries: readonly PollEntry[],
  timeoutMs: number,
): Promise<number[]> {
  const deadline = performance.now() + timeoutMs;
  const table = pollTable(entries);
  for (;;) {
    const left = deadline - performance.now();
    const count = await libc().poll_on_thread(
      table,
      BigInt(entries.length),
      wholeMilliseconds(left),
    );
    if (count > 0) return results(table, entries.length);
    if (count < 0) {
      // The other thread's errno is not accessible. A call on this thread
      // reports a permanent error again; otherwise it was a signal.
      const now = pollNow(entries);
      if (now.some((ready) => ready !== 0)) return now;
    }
    if (performance.now() >= deadline) return entries.map(() => 0);
  }
}

function pollTable(entries: readonly PollEntry[]): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(entries.length * POLLFD_SIZE);
  const view = new DataView(table.buffer);
  for (const [index, { fd, events }] of entries.entries()) {
    view.setInt32(index * POLLFD_SIZE, fd, true);
    view.setInt16(index * POLLFD_SIZE + 4, events, true);
  }
  return table;
}

function results(table: Uint8Array<ArrayBuffer>, count: number): number[] {
  const view = new DataView(table.buffer);
  return Array.from(
    { length: count },
    (_, index) => view.getInt16(index * POLLFD_SIZE + 6, true),
  );
}

/** Rounded up, so that a wait neither ends early nor spins. */
function wholeMilliseconds(timeoutMs: number): number {
  return Math.min(Math.max(Math.ceil(timeoutMs), 0), MAX_TIMEOUT_MS);
}

const EFD_FLAGS = 0o2000000 | 0o4000; // EFD_CLOEXEC | EFD_NONBLOCK

/** A descriptor that becomes readable on demand, and stays so. */
export class Waker implements Disposable {
  readonly #fd = Fd.adopt(call("eventfd", [0, EFD_FLAGS]));

  get number(): number {
    return this.#fd.number;
  }

  wake(): void {
    this.#fd.writeAll(new Uint8Array(BigUint64Array.of(1n).buffer));
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
