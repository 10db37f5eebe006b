import type { EventWatch, QmpClient } from "../../qmp/mod.ts";
import { text } from "./reply.ts";

/** Why a program ends in good order, by the reason that QEMU gives. */
const REASONS: Readonly<Record<string, string>> = {
  "guest-shutdown": "its guest powered it off",
  "guest-panic": "its guest panicked",
  "guest-reset": "its guest reset it, which ends it (-no-reboot)",
  "host-qmp-quit": "a client of its monitor told it to quit",
  "host-signal": "its process was told to end by a signal",
  "host-ui": "its window was closed",
};

/**
 * Whether the program says that it ends, and why: it does so before it closes
 * its monitor, and not when it crashes or is killed.
 */
export class ShutdownWatch implements Disposable {
  readonly #watch: EventWatch;

  constructor(client: QmpClient) {
    this.#watch = client.watch(["SHUTDOWN"]);
  }

  /** Completes "The VM was shut down:"; undefined where it was not. */
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
