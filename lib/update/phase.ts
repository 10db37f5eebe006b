/** The steps of an update, in the order they are taken. */
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

/** A step of an update. */
export type PhaseName = typeof PHASES[number];

/** A step that was taken; milliseconds of the update's clock. */
export interface Phase {
  readonly name: PhaseName;
  readonly start_ms: number;
  readonly duration_ms: number;
}
