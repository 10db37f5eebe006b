import type { CliProcess } from "../process.ts";

/** Shorter work is done before it can be read. */
const WORTH_SHOWING = 256 * 1024 * 1024;

/** How far a long work is, for who watches standard error on a terminal. */
export class ProgressLine implements Disposable {
  readonly #process: CliProcess;
  readonly #size: number;
  readonly #passes: number;
  #pass = 0;
  #percent = -1;

  /**
   * @param size bytes to go in each pass
   * @param passes how often they are gone through
   */
  constructor(process: CliProcess, size: number, passes = 1) {
    this.#process = process;
    this.#size = size;
    this.#passes = passes;
  }

  /** Begins to go through the bytes again. */
  nextPass(): void {
    this.#pass++;
  }

  /** Shows how many bytes of this pass are done; never goes back. */
  show(done: number): void {
    const total = this.#passes * this.#size;
    if (!this.#process.stderr.canOverwrite || total < WORTH_SHOWING) return;
    const all = this.#pass * this.#size + done;
    const percent = Math.floor(100 * all / total);
    if (percent <= this.#percent) return;
    this.#process.stderr.offer(`\r  ${percent} %`);
    this.#percent = percent;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#percent >= 0) this.#process.stderr.offer("\r\u001b[K");
    this.#percent = -1;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
