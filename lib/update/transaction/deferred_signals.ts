import { RefusedError } from "../error.ts";

/**
 * A dropped ssh, an impatient operator, a service manager: all that a keyboard
 * can send is among them.
 */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"] as const;

/**
 * Keeps the signals that end or stop a program from doing so to this one while a VM depends
 * on it. They are remembered; who waits for the end need not send them again.
 */
export class DeferredSignals implements Disposable {
  readonly #listeners: (() => void)[] = [];
  readonly #seen = new Set<string>();
  readonly #first = Promise.withResolvers<void>();

  constructor() {
    for (const signal of SIGNALS) {
      const listener = () => {
        this.#seen.add(signal);
        this.#first.resolve();
      };
      Deno.addSignalListener(signal, listener);
      this.#listeners.push(() => Deno.removeSignalListener(signal, listener));
    }
  }

  /** The signals that came, each once, in the order of their coming. */
  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Resolves when the first one comes. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** What a person is told of them afterwards. */
  warnings(): string[] {
    return this.seen.map((signal) =>
      `${signal} came, and was put off until the VM was safe`
    );
  }

  [Symbol.dispose](): void {
    for (const remove of this.#listeners) remove();
  }
}

/**
 * Ends an update for which signals came, while nothing is touched.
 *
 * @throws {RefusedError} naming them
 */
export function refuseIfInterrupted({ seen }: DeferredSignals): void {
  if (seen.length === 0) return;
  throw new RefusedError(
    "interrupted",
    `Interrupted by ${seen.join(", ")} before the VM was touched`,
  );
}
