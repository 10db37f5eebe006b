import type { CliProcess } from "../process.ts";

/** Smaller inputs are done too quickly. */
const WORTH_SHOWING = 256 * 1024 * 1024;

/** The progress of a long operation, on standard error if it is a terminal. */
export class ProgressLine implements Disposable {
  #pass = 0;
  #percent = -1;

  /**
   * @param size bytes of each pass
   * @param passes number of passes
   */
  constructor(
    private readonly process: CliProcess,
    private readonly size: number,
    private readonly passes = 1,
  ) {}

  /** Begins the next pass. */
  nextPass(): void {
    this.#pass++;
  }

  /** Shows how many bytes of this pass are done; never decreases. */
  show(done: number): void {
    const total = this.passes * this.size;
    if (!this.process.stderr.canOverwrite || total < WORTH_SHOWING) return;
    const all = this.#pass * this.size + done;
    const percent = Math.floor(100 * all / total);
    if (percent <= this.#percent) return;
    this.process.stderr.offer(`\r  ${percent} %`);
    this.#percent = percent;
  }

  /** Removes the line. */
  clear(): void {
    if (this.#percent >= 0) this.process.stderr.offer("\r\u001b[K");
    this.#percent = -1;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
