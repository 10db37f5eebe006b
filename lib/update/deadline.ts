/**
 * The time limits of an update. It is bounded by the operator's `--timeout`,
 * and a rollback gets that time again; single steps by the limits below, in
 * milliseconds.
 *
 * @module
 */

/** The time at which an update has to be over. */
export class Deadline {
  #at: number;

  /** @param timeoutMs milliseconds from now */
  constructor(readonly timeoutMs: number) {
    this.#at = performance.now() + timeoutMs;
  }

  /** Moves it by time that was spent waiting for others. */
  extend(milliseconds: number): void {
    this.#at += milliseconds;
  }

  /** Milliseconds left, at most `limit`; 0 when the time is over. */
  left(limit = Infinity): number {
    return Math.max(0, Math.min(limit, this.#at - performance.now()));
  }
}

// The guest runs.

/** Until the monitor has sent its greeting. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Until the standby process has started, or has answered. */
export const STANDBY_TIMEOUT_MS = 10_000;

// The guest is stopped.

/**
 * One step of the migration: until pre-switchover, until the state is loaded,
 * until RESUME follows `cont`.
 */
export const STEP_TIMEOUT_MS = 10_000;
/** For all queries about a loaded VM together. */
export const VERIFY_TIMEOUT_MS = 10_000;
/** Until a cancelled VM runs again; took up to 350 ms in tests. */
export const RESUME_TIMEOUT_MS = 10_000;
/** One query to a destination that has failed: it may hang. */
export const QUERY_TIMEOUT_MS = 1_000;
/** Until a killed process is gone: freeing terabytes of RAM takes a while. */
export const KILL_TIMEOUT_MS = 60_000;
/**
 * Until another standby process has started: a lack of processes, memory or
 * disk space may be temporary.
 */
export const ANOTHER_STANDBY_TIMEOUT_MS = 30_000;
/** Until the process has ended after its monitor has closed. */
export const END_TIMEOUT_MS = 2_000;

// The guest runs again, or is as it was before the update.

/**
 * How long a destination has to survive: one that cannot run the guest crashes
 * soon after the resume.
 */
export const STABLE_MS = 200;
/** For restoring settings. */
export const SETTLE_TIMEOUT_MS = 10_000;
