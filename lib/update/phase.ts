/** The phases of an update, in order. */
export const PHASES = [
  "facts",
  "preflight",
  "prepare",
  "migrate",
  "hold",
  "switchover",
  "load",
  "verify",
  "commit",
  "rollback",
] as const;

/** A phase of an update. */
export type PhaseName = typeof PHASES[number];

/** A phase that is over; in milliseconds since the update began. */
export interface Phase {
  readonly name: PhaseName;
  readonly start_ms: number;
  readonly duration_ms: number;
}
