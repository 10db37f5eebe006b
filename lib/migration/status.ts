/**
 * The states of a migration (MigrationStatus of QMP), and their transitions.
 *
 * ```
 * none ─▶ setup ─▶ active ─▶ pre-switchover ─▶ device ─▶ completed ─▶ (exec)
 *           │        │             │              │           │
 *           │        └─────────────┴─ cancelling ─┘           │ execvp failed
 *           │                            │                    ▼
 *           └────────────▶ failed ◀──────┼──────────────── failed
 *                                    cancelled
 * ```
 *
 * @module
 */

import { asError } from "../errors.ts";
import { MigrationError } from "./error.ts";

/** Each status, and which may follow it. */
const FOLLOWERS = {
  none: ["setup"],
  setup: ["active", "failed", "cancelling"],
  active: ["pre-switchover", "device", "completed", "failed", "cancelling"],
  "pre-switchover": ["device", "failed", "cancelling"],
  device: ["completed", "failed", "cancelling"],
  completed: ["failed", "setup"],
  failed: ["setup"],
  cancelling: ["cancelled"],
  cancelled: ["setup"],
};

/** MigrationStatus of QMP; the embedded machine has no postcopy and no COLO. */
export type MigrationStatus = keyof typeof FOLLOWERS;

/**
 * The status of a migration, and why the last one failed. Each transition is
 * checked, then reported.
 */
export abstract class Migration {
  #status: MigrationStatus = "none";
  #failure: Error | undefined;

  constructor(
    private readonly reporter: { emitStatus(status: MigrationStatus): void },
  ) {}

  get status(): MigrationStatus {
    return this.#status;
  }

  /** Why the last migration failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** @throws {MigrationError} when there is no such transition */
  protected become(status: MigrationStatus): void {
    if (!FOLLOWERS[this.#status].includes(status)) {
      throw new MigrationError(
        "bad-state",
        `A migration cannot go from ${this.#status} to ${status}`,
      );
    }
    if (status === "setup") this.#failure = undefined;
    this.#status = status;
    this.reporter.emitStatus(status);
  }

  protected fail(error: unknown): void {
    this.#failure = asError(error);
    this.become("failed");
  }
}

/** Whether a migration is in progress. */
export function isUnderWay(status: MigrationStatus): boolean {
  return ["setup", "active", "pre-switchover", "device", "cancelling"]
    .includes(status);
}
