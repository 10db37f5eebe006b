import type { CliProcess } from "../process.ts";
import { cut } from "../wording/columns.ts";

/** One line on standard error that is overwritten. */
export class StatusLine {
  #shown = false;

  constructor(private readonly process: CliProcess) {}

  show(text: string): void {
    const { stderr, look } = this.process;
    if (!stderr.canOverwrite) return;
    this.clear();
    stderr.offer(cut(`  ${text}`, look.width - 1));
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.process.stderr.offer("\r\u001b[K");
    this.#shown = false;
  }
}
