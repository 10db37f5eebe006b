import { RefusedError } from "../error.ts";

/** Sent by a keyboard, by a dropped ssh session, or by a service manager. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"] as const;

/**
 * Defers the signals that would end or stop this process while a VM depends on
 * it. They are remembered, and need not be sent again.
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

  /** The signals received, each once, in order. */
  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Resolves with the first signal. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** A warning for each signal. */
  warnings(): string[] {
    return this.seen.map((signal) =>
      `${signal} was received, and deferred until the VM was safe`
    );
  }

  [Symbol.dispose](): void {
    for (const remove of this.#listeners) remove();
  }
}

/**
 * Ends an update after a signal, while the VM is untouched.
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
