/**
 * The internal subcommands. A file of their own: `cprctl exec`, which runs
 * within the downtime, loads it as well.
 *
 * @module
 */

/** Runs a standby. */
export const STANDBY_WORD = "standby";

/** Executes a program in a sandbox. */
export const SANDBOX_WORD = "run-confined";

/** Prints the seccomp filters of a process. */
export const FILTERS_WORD = "print-seccomp-filters";
