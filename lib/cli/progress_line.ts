import type { CliProcess } from "./process.ts";

/** Shorter work is done before it can be read. */
const WORTH_SHOWING = 256 * 1024 * 1024;

/** How far a long work is, for who watches standard error on a terminal. */
export class ProgressLine implements Disposable {
  readonly #process: CliProcess;
  readonly #total: number;
  #shown = "";

  /** @param total bytes to go */
  constructor(process: CliProcess, total: number) {
    this.#process = process;
    this.#total = total;
  }

  /** Shows how many bytes are done. */
  show(done: number): void {
    const { stderr, look } = this.#process;
    if (!stderr.isTerminal || !look.unicode || this.#total < WORTH_SHOWING) {
      return;
    }
    const text = `  ${Math.floor(100 * done / this.#total)} %`;
    if (text === this.#shown) return;
    stderr.offer(`\r${text}`);
    this.#shown = text;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown !== "") this.#process.stderr.offer("\r\u001b[K");
    this.#shown = "";
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
