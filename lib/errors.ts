/**
 * The base class of every error that cprctl reports.
 *
 * ```
 * CprctlError                  exit code 1 unless a subclass says otherwise
 * ├── UsageError               2   the command line is wrong
 * ├── StreamError              (lib/stream)   torn or malformed bytes, with the offset
 * │   └── VmstateError         (lib/vmstate)  and the section, instance and field
 * ├── QmpError                 (lib/qmp)      the monitor refused, hung, or violated QMP
 * ├── MigrationError           (lib/migration)
 * └── UpdateError              (lib/update)   3 refused, 4 rolled back, 5 needs person
 * OsError                      (ffi)          a system call failed, with errno
 * ```
 *
 * Callers catch by class, and never match message texts.
 *
 * @module
 */

/** What an error has besides its message. */
export interface ErrorAdvice {
  /** What to do next, one imperative sentence. */
  readonly remedy?: string | undefined;
  /** The error that this one explains. */
  readonly cause?: unknown;
}

/**
 * An error with a stable machine-readable code and, if there is one, a remedy.
 * Messages start with a capital letter, quote values with "…", have a colon
 * before the detail, and end without a period.
 */
export class CprctlError extends Error {
  /** Exit code of the process when this error ends it. */
  readonly exitCode: number = 1;
  /** What to do next; undefined if there is no advice. */
  readonly remedy: string | undefined;

  /** The message says what failed, and why. */
  constructor(
    /** Stable, kebab-case; part of the JSON report. */
    readonly code: string,
    message: string,
    advice: ErrorAdvice = {},
  ) {
    super(message, advice.cause === undefined ? {} : { cause: advice.cause });
    this.name = new.target.name;
    this.remedy = advice.remedy;
  }
}

/** The command line is wrong; nothing was touched. */
export class UsageError extends CprctlError {
  /** That of a wrong command line. */
  override readonly exitCode: number = 2;

  /** Its code is `usage`. */
  constructor(message: string, advice: ErrorAdvice = {}) {
    super("usage", message, advice);
  }
}

/**
 * Handles errors of one class, as in `promise.catch(ifError(…))`; any other is
 * thrown again.
 */
export function ifError<E extends Error, T>(
  kind: abstract new (...args: never) => E,
  handle: (error: E) => T,
): (error: unknown) => T {
  return (error) => {
    if (error instanceof kind) return handle(error);
    throw error;
  };
}

/** The message of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** A thrown value as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The code of any thrown value. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof CprctlError ? thrown.code : "internal";
}

/** The remedy of any thrown value. */
export function remedyOf(thrown: unknown): string | undefined {
  return thrown instanceof CprctlError ? thrown.remedy : undefined;
}
