/** Slices in a row, some 5 ms, before everything else has its turn. */
const SLICES_IN_A_ROW = 16;

/**
 * Tasks that run one after another.
 *
 * ```
 * defer          slice ─▶ slice ─▶ … ─▶ slice ─▶ (2 ms) ─▶ slice ─▶ …
 *   0.04 ms        └────── 16 in a row ──────┘     sockets, pipes, timers
 * ```
 *
 * A message to itself comes much sooner than `setTimeout(…, 0)`. But the
 * runtime looks at its sockets only when no message waits: tasks that follow
 * each other without an end would keep a monitor waiting for seconds.
 */
export class MainLoop implements Disposable {
  readonly #channel = new MessageChannel();
  readonly #tasks: (() => void)[] = [];
  #inARow = 0;

  constructor() {
    this.#channel.port1.onmessage = () => this.#tasks.shift()?.();
  }

  /** Runs a task after what is under way now. */
  defer(task: () => void): void {
    this.#tasks.push(task);
    this.#channel.port2.postMessage(null);
  }

  /** Runs a task of those that follow each other without an end. */
  slice(task: () => void): void {
    this.#inARow = (this.#inARow + 1) % SLICES_IN_A_ROW;
    if (this.#inARow === 0) setTimeout(task, 0);
    else this.defer(task);
  }

  /** Forgets what is left and lets the process end. */
  [Symbol.dispose](): void {
    this.#tasks.length = 0;
    this.#channel.port1.close();
    this.#channel.port2.close();
  }
}
