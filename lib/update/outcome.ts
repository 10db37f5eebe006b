/** How an update can end, and its exit code. */
export const OUTCOMES = {
  /** The VM is on the new program, running or paused as before. */
  "updated": 0,
  /** Not touched: the VM executes that program already. */
  "up-to-date": 0,
  /** Not touched: this was only a check. */
  "would-update": 0,
  /** The VM powered off, or was shut down, during the update. */
  "shut-down": 0,
  /** Not touched. */
  "refused": 3,
  /** The VM is on the old program, its RAM unchanged. */
  "rolled-back": 4,
  /** The VM may not run: the error says why, and what to do. */
  "needs-person": 5,
} as const satisfies Readonly<Record<string, number>>;

/** How an update ended. */
export type Outcome = keyof typeof OUTCOMES;

/** The exit code that an outcome stands for. */
export function exitCodeOf(outcome: Outcome): number {
  return OUTCOMES[outcome];
}
