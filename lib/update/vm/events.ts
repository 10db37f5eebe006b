import type {
  EventWatch,
  Executor,
  QmpClient,
  QmpEvent,
} from "../../qmp/mod.ts";
import { queryMigrate } from "../../qmp/queries.ts";
import { text } from "./reply.ts";

/** Waits until a migration reaches one of these statuses. */
export async function nextStatus(
  watch: EventWatch,
  statuses: readonly string[],
  patience: { timeoutMs: number },
): Promise<string> {
  const event = await watch.next(
    (event) => statuses.includes(statusOf(event) ?? ""),
    patience,
  );
  return statusOf(event) ?? "";
}

/** The status in a MIGRATION event; undefined for other events. */
export function statusOf({ name, data }: QmpEvent): string | undefined {
  return name === "MIGRATION" ? text(data["status"]) : undefined;
}

/** Why a migration failed, as QEMU reports it. */
export async function failureOf(client: Executor): Promise<string> {
  const { status, "error-desc": reason } = await queryMigrate(client);
  return reason ?? `status ${status}`;
}

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

  constructor(private readonly client: QmpClient) {
    this.#watch = client.watch(["SHUTDOWN"]);
  }

  /**
   * {@linkcode why} of a process that has ended: its last events may be unread.
   * Ends the connection.
   */
  async whyItEnded(): Promise<string | undefined> {
    await this.client.drain();
    return this.why;
  }

  /** Completes "The VM was shut down:"; undefined if it is not known to be. */
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
