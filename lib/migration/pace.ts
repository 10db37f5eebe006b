import { sleep } from "../sleep.ts";
import type { MigrationParameters } from "./parameters.ts";

/** The longest of the waits that keep to a bandwidth: a cancel ends it. */
const LONGEST_WAIT_MS = 50;

/** The speed of one pass over guest RAM. */
export class Pace {
  readonly #startedAt = performance.now();
  readonly #first: number;

  /** @param transferred bytes of the stream so far */
  constructor(
    private readonly parameters: MigrationParameters,
    private readonly transferred: () => number,
  ) {
    this.#first = transferred();
  }

  get #milliseconds(): number {
    return performance.now() - this.#startedAt;
  }

  get #bytes(): number {
    return this.transferred() - this.#first;
  }

  /** Whether more was sent than `max-bandwidth` allows until now. */
  get isAhead(): boolean {
    return this.#wait > 0;
  }

  get #wait(): number {
    const limit = Number(this.parameters["max-bandwidth"]);
    const due = limit === 0 ? 0 : this.#bytes / limit * 1000;
    return Math.max(0, due - this.#milliseconds);
  }

  /** Lets others run: until it is no longer ahead, or for some of that time. */
  async rest(): Promise<void> {
    const wait = Math.min(this.#wait, LONGEST_WAIT_MS);
    await sleep(wait);
  }

  /** Whether the rest would take no longer than `downtime-limit`. */
  leftIsShort(bytes: number): boolean {
    const rate = this.#bytes / this.#milliseconds;
    return bytes === 0 ||
      bytes <= rate * Number(this.parameters["downtime-limit"]);
  }
}
