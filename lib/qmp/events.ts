/** Events of a monitor, and how to wait for one without missing it. */

import { within } from "./deadline.ts";
import { type QmpError, QmpTimeoutError } from "./errors.ts";
import type { JsonObject } from "./json.ts";

/** When an event happened, by the peer's real-time clock. */
export interface QmpTimestamp {
  readonly seconds: number;
  /** 0 to 999 999. */
  readonly microseconds: number;
}

/** An asynchronous message of the monitor. */
export interface QmpEvent {
  /** Such as "STOP" or "MIGRATION". */
  readonly name: string;
  /** Empty where the event carries nothing. */
  readonly data: JsonObject;
  readonly timestamp: QmpTimestamp;
}

/** Microseconds from one event to a later one. */
export function microsecondsBetween(from: QmpEvent, to: QmpEvent): number {
  return (to.timestamp.seconds - from.timestamp.seconds) * 1_000_000 +
    to.timestamp.microseconds - from.timestamp.microseconds;
}

/**
 * A migration with events on sends about ten; no honest monitor comes near
 * this between two looks at a watch.
 */
export const MAX_WATCHED_EVENTS = 4096;

/** An event has some hundred bytes; a device path makes it a few thousand. */
const MAX_WATCHED_BYTES = 2 * 1024 * 1024;

/**
 * Records the events from its creation on, so that an event which precedes
 * the reply of the command that caused it is not lost: start the watch, send
 * the command, then ask for the event.
 */
export class EventWatch implements Disposable {
  readonly #names: ReadonlySet<string> | undefined;
  readonly #events: QmpEvent[] = [];
  #bytes = 0;
  #cursor = 0;
  #end: QmpError | undefined;
  #changed = Promise.withResolvers<void>();
  readonly #stop: (watch: EventWatch) => void;

  /** Made by a client's `watch`, which knows what else is to happen. */
  constructor(
    names: readonly string[] | undefined,
    stop: (watch: EventWatch) => void,
  ) {
    this.#names = names && new Set(names);
    this.#stop = stop;
  }

  /** Every event recorded so far, oldest first. */
  get seen(): readonly QmpEvent[] {
    return this.#events;
  }

  /**
   * The first matching event after the one that `next` returned last. Events
   * passed over stay in {@linkcode seen} only.
   *
   * @param match an event's name, or a test
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
    const deadline = performance.now() + timeoutMs;
    for (let index = this.#cursor;; index++) {
      while (index >= this.#events.length) {
        if (this.#end !== undefined) throw this.#end;
        await within(
          this.#changed.promise,
          { timeoutMs: deadline - performance.now(), signal },
          () =>
            new QmpTimeoutError(
              `No ${wanted} came from the monitor within ${
                Math.ceil(timeoutMs)
              } ms`,
            ),
        );
      }
      const event = this.#events[index];
      if (event !== undefined && matches(event)) {
        this.#cursor = index + 1;
        return event;
      }
    }
  }

  /** Ends the recording; what was recorded can still be asked for. */
  [Symbol.dispose](): void {
    this.#stop(this);
  }

  /**
   * Records an event; for the client only.
   *
   * @param bytes that it takes
   * @returns false if nobody looked at so many that no more are kept
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
