/** Events of a monitor. */

import { within } from "./deadline.ts";
import { type QmpError, QmpTimeoutError } from "./errors.ts";
import type { JsonObject } from "./json.ts";

/** The time of an event, by the host's real-time clock. */
export interface QmpTimestamp {
  /** Since 1970; -1 if the host's clock cannot be read. */
  readonly seconds: number;
  /** 0 to 999 999. */
  readonly microseconds: number;
}

/** An asynchronous message of the monitor. */
export interface QmpEvent {
  /** Such as "STOP" or "MIGRATION". */
  readonly name: string;
  /** Empty if the event has no data. */
  readonly data: JsonObject;
  /** When it was sent. */
  readonly timestamp: QmpTimestamp;
}

/**
 * Microseconds from one event to a later one.
 *
 * @example
 * ```ts
 * import { microsecondsBetween, type QmpEvent } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const stop: QmpEvent = {
 *   name: "STOP",
 *   data: {},
 *   timestamp: { seconds: 5, microseconds: 999_000 },
 * };
 * const resume: QmpEvent = {
 *   name: "RESUME",
 *   data: {},
 *   timestamp: { seconds: 6, microseconds: 12_000 },
 * };
 * assertEquals(microsecondsBetween(stop, resume), 13_000);
 * ```
 */
export function microsecondsBetween(from: QmpEvent, to: QmpEvent): number {
  return (to.timestamp.seconds - from.timestamp.seconds) * 1_000_000 +
    to.timestamp.microseconds - from.timestamp.microseconds;
}

/** Events of one watch; a migration with events enabled sends about ten. */
export const MAX_WATCHED_EVENTS = 4096;

/** An event has some hundred bytes; with a device path, a few thousand. */
const MAX_WATCHED_BYTES = 2 * 1024 * 1024;

/**
 * Records events from its creation on. Start the watch, run the command, then
 * wait for the event: it may come before the command's reply.
 *
 * @example
 * ```ts
 * import { command, QmpClient, QmpServer } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * const path = `${directory}/qmp`;
 * {
 *   await using server: QmpServer = new QmpServer({
 *     version: { major: 11, minor: 1, micro: 0, package: "" },
 *     commands: new Map([["stop", command({}, () => server.emit("STOP"))]]),
 *   });
 *   server.listen({ path });
 *   await using client = await QmpClient.connect(
 *     { path },
 *     { timeoutMs: 5000 },
 *   );
 *   using events = client.watch(["STOP"]);
 *   await client.execute("stop");
 *   const { name } = await events.next("STOP", { timeoutMs: 5000 });
 *   assertEquals(name, "STOP");
 * }
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class EventWatch implements Disposable {
  readonly #names: ReadonlySet<string> | undefined;
  readonly #events: QmpEvent[] = [];
  #bytes = 0;
  #cursor = 0;
  #end: QmpError | undefined;
  #changed = Promise.withResolvers<void>();

  /** Use the client's `watch`. */
  constructor(
    names: readonly string[] | undefined,
    private readonly stop: (watch: EventWatch) => void,
  ) {
    this.#names = names && new Set(names);
  }

  /** Every event recorded so far, oldest first. */
  get seen(): readonly QmpEvent[] {
    return this.#events;
  }

  /**
   * The first matching event after the last one that this method returned.
   * Skipped events are in {@linkcode seen} only.
   *
   * @param match an event's name, or a predicate
   * @throws {QmpTimeoutError} if none came within `timeoutMs`
   * @throws {QmpError} if the connection ended before one came
   */
  async next(
    match: string | ((event: QmpEvent) => boolean),
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<QmpEvent> {
    const matches = typeof match === "string"
      ? (event: QmpEvent) => event.name === match
      : match;
    const wanted = typeof match === "string" ? `event "${match}"` : "event";
    const late = `No ${wanted} came from the monitor within ` +
      `${Math.ceil(timeoutMs)} ms`;
    const deadline = performance.now() + timeoutMs;
    for (let index = this.#cursor;; index++) {
      while (index >= this.#events.length) {
        if (this.#end !== undefined) throw this.#end;
        const left = { timeoutMs: deadline - performance.now(), signal };
        const { promise } = this.#changed;
        await within(promise, left, () => new QmpTimeoutError(late));
      }
      const event = this.#events[index];
      if (event !== undefined && matches(event)) {
        this.#cursor = index + 1;
        return event;
      }
    }
  }

  /** Stops recording; recorded events stay available. */
  [Symbol.dispose](): void {
    this.stop(this);
  }

  /**
   * Records an event; for the client only.
   *
   * @param bytes its size in memory
   * @returns false if the limit is reached and it is not recorded
   */
  record(event: QmpEvent, bytes: number): boolean {
    if (this.#names !== undefined && !this.#names.has(event.name)) return true;
    this.#bytes += bytes;
    const isFlood = this.#events.length >= MAX_WATCHED_EVENTS ||
      this.#bytes > MAX_WATCHED_BYTES;
    if (isFlood) return false;
    this.#events.push(event);
    this.#wake();
    return true;
  }

  /** No more events will come; for the client only. */
  finish(end: QmpError): void {
    this.#end = end;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
