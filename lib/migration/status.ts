/**
 * The states of a migration, as QMP names them, and which may follow which.
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

import { MigrationError } from "./error.ts";

/** MigrationStatus of QMP; the embedded machine has no postcopy and no COLO. */
export type MigrationStatus =
  | "none"
  | "setup"
  | "active"
  | "pre-switchover"
  | "device"
  | "completed"
  | "failed"
  | "cancelling"
  | "cancelled";

const FOLLOWERS: Readonly<Record<MigrationStatus, readonly MigrationStatus[]>> =
  {
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

/** Where a migration is. Every step is checked, then told. */
export class MigrationProgress {
  readonly #tell: (status: MigrationStatus) => void;
  #status: MigrationStatus = "none";

  constructor(tell: (status: MigrationStatus) => void) {
    this.#tell = tell;
  }

  get status(): MigrationStatus {
    return this.#status;
  }

  /** @throws {MigrationError} when that cannot follow */
  become(status: MigrationStatus): void {
    if (!FOLLOWERS[this.#status].includes(status)) {
      throw new MigrationError(
        "bad-state",
        `A migration cannot go from ${this.#status} to ${status}`,
      );
    }
    this.#status = status;
    this.#tell(status);
  }
}

/** True while a migration holds the machine. */
export function isUnderWay(status: MigrationStatus): boolean {
  return ["setup", "active", "pre-switchover", "device", "cancelling"]
    .includes(status);
}
