import type { EventWatch, QmpClient } from "../../qmp/mod.ts";
import { text } from "./reply.ts";

/** What caused a clean shutdown, by the reason in the SHUTDOWN event. */
const REASONS: Readonly<Record<string, string>> = {
  "guest-shutdown": "its guest powered it off",
  "guest-panic": "its guest panicked",
  "guest-reset": "its guest reset it, which ends it (-no-reboot)",
  "host-qmp-quit": "a client of its monitor told it to quit",
  "host-signal": "its process was ended by a signal",
  "host-ui": "its window was closed",
};

/**
 * Watches for a clean shutdown: QEMU sends the event before it closes the
 * monitor, but not when it crashes or is killed.
 */
export class ShutdownWatch implements Disposable {
  readonly #watch: EventWatch;

  constructor(client: QmpClient) {
    this.#watch = client.watch(["SHUTDOWN"]);
  }

  /** Completes "The VM was shut down:"; undefined if it was not. */
  get why(): string | undefined {
    for (const { data } of this.#watch.seen) {
      const reason = text(data["reason"]) ?? "";
      if (Object.hasOwn(REASONS, reason)) return REASONS[reason];
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
