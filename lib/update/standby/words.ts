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

/** Has a process keep descriptors open over its next exec. */
export const KEEP_OPEN_WORD = "keep-open";

/** Prints the seccomp filters of a process. */
export const FILTERS_WORD = "print-seccomp-filters";
