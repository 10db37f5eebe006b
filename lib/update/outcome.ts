/** How an update can end, and the exit code that says so. */
export const OUTCOMES = {
  /** Runs on the new program, or is paused on it, as it was. */
  "updated": 0,
  /** Was not touched: it runs on that program already. */
  "up-to-date": 0,
  /** Was not touched: only a check was asked for. */
  "would-update": 0,
  /** Powered itself off, or was shut down, meanwhile. */
  "shut-down": 0,
  /** Was not touched. */
  "refused": 3,
  /** Runs on the old program, its RAM as it was. */
  "rolled-back": 4,
  /** May not run: the error says why, and what to do. */
  "needs-person": 5,
} as const satisfies Readonly<Record<string, number>>;

/** How an update ended. */
export type Outcome = keyof typeof OUTCOMES;

/** The exit code that an outcome stands for. */
export function exitCodeOf(outcome: Outcome): number {
  return OUTCOMES[outcome];
}
