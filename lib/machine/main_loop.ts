/** Slices in a row, some 5 ms, before other work has its turn. */
const SLICES_IN_A_ROW = 16;

/**
 * Tasks that run one after another.
 *
 * ```
 * defer          slice ─▶ slice ─▶ … ─▶ slice ─▶ (2 ms) ─▶ slice ─▶ …
 *   0.04 ms        └────── 16 in a row ──────┘     sockets, pipes, timers
 * ```
 *
 * A message to itself is delivered much sooner than `setTimeout(…, 0)` fires. But
 * the runtime polls its sockets only when no message is pending: an endless chain
 * of tasks would delay the monitor by seconds.
 */
export class MainLoop implements Disposable {
  readonly #channel = new MessageChannel();
  readonly #tasks: (() => void)[] = [];
  #inARow = 0;

  constructor() {
    this.#channel.port1.onmessage = () => this.#tasks.shift()?.();
  }

  /** Runs a task after the current one. */
  defer(task: () => void): void {
    this.#tasks.push(task);
    this.#channel.port2.postMessage(null);
  }

  /** Runs a task of an endless chain. */
  slice(task: () => void): void {
    this.#inARow = (this.#inARow + 1) % SLICES_IN_A_ROW;
    if (this.#inARow === 0) setTimeout(task, 0);
    else this.defer(task);
  }

  /** Drops pending tasks and lets the process end. */
  [Symbol.dispose](): void {
    this.#tasks.length = 0;
    this.#channel.port1.close();
    this.#channel.port2.close();
  }
}
