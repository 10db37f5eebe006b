/** The states of a migration, as QMP names them, and which may follow which.
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

/** True if a migration in `from` may go to `to`. */
export function mayFollow(from: MigrationStatus, to: MigrationStatus): boolean {
  return FOLLOWERS[from].includes(to);
}

/** True while a migration holds the machine. */
export function isUnderWay(status: MigrationStatus): boolean {
  return ["setup", "active", "pre-switchover", "device", "cancelling"]
    .includes(status);
}
