/**
 * The limits of an update in milliseconds: what each bounds, and who waits
 * while it runs. Everything else is bounded by the deadline that the operator
 * gives (`--timeout`); a rollback has that time once more.
 *
 * @module
 */

// The guest runs.

/** Until the monitor has greeted. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Until the standby process has started, or has answered. */
export const STANDBY_TIMEOUT_MS = 10_000;

// The guest is stopped.

/**
 * One step of the migration: until pre-switchover, until the state is loaded,
 * until RESUME follows `cont`.
 */
export const STEP_TIMEOUT_MS = 10_000;
/** Until a cancelled VM runs again; 350 ms were seen. */
export const RESUME_TIMEOUT_MS = 10_000;
/** One question to a destination that has failed already. */
export const QUESTION_TIMEOUT_MS = 1_000;
/** Until a killed process is gone; with terabytes of RAM that takes a while. */
export const KILL_TIMEOUT_MS = 60_000;
/**
 * Until another standby process has started: a host without processes, memory
 * or space may have some again.
 */
export const ANOTHER_STANDBY_TIMEOUT_MS = 30_000;
/** Until the process behind a monitor that closed has ended. */
export const END_TIMEOUT_MS = 2_000;

// The guest runs again, or is as it was before the update.

/**
 * How long a destination has to last: one that cannot run the guest ends when
 * the guest first does what it cannot.
 */
export const LASTING_MS = 200;
/** For giving back settings. */
export const SETTLE_TIMEOUT_MS = 10_000;
