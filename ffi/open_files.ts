/**
 * The limit of open files that this process was started with.
 *
 * Deno raises its soft limit to the hard one before a program runs, and limits
 * survive exec. A program started from here would have a limit of, say, 524288
 * instead of 1024; one that uses select(2) would break, and one that closes
 * every possible descriptor would be slow. So exec and spawn restore the soft
 * limit. The kernel does not record the earlier value; it is taken from the
 * first of these sources:
 *
 * 1. The environment variable CPRCTL_OPEN_FILES. The shell script at the start
 *    of the single-file program sets it to `ulimit -Sn` before Deno starts, and
 *    execvp sets it for the next program, so that a chain of execs keeps it.
 * 2. The current soft limit if it is below the hard one: Deno did not raise it,
 *    or it was set on purpose since.
 * 3. The parent's soft limit if its hard limit is ours: limits are inherited.
 *    This is a guess, and we cannot tell when it is wrong: when the parent has
 *    changed its own limit since, when it set one for us alone, as a shell does
 *    in `(ulimit -Sn 4096; exec …)`, when ours was set by prlimit(2), or when
 *    the real parent has ended.
 * 4. Otherwise the current limit is kept.
 *
 * Callers of exec and spawn can pass `openFiles` instead. Deno also changes the
 * action of SIGPIPE, for which there is no such source: exec.ts.
 *
 * @module
 */

import { withVariables } from "./environment.ts";
import { Fd } from "./fd.ts";
import { ifPossible, libc } from "./libc.ts";
import { getLimit, type Limit, parseLimits, setLimit } from "./limits.ts";
import { O_RDONLY } from "./open_flags.ts";

/** Holds the soft limit in decimal. */
export const OPEN_FILES_VARIABLE = "CPRCTL_OPEN_FILES";

/** /proc/PID/limits has 1.4 KB. */
const LIMITS_FILE_MAX = 64 * 1024;

/** Determined once: the parent may change. */
let atStart: bigint | undefined;

/**
 * The limit for the next program: the soft limit with which this process was
 * started, as far as that is known, and the current hard limit.
 *
 * The value is determined on the first call; a long-running program should make
 * it early, while its parent is alive.
 */
export function openFilesAtStart(): Limit {
  const now = getLimit("NOFILE");
  atStart ??= softLimitAtStart(now);
  return atStart <= now.hard ? { soft: atStart, hard: now.hard } : now;
}

function softLimitAtStart(now: Limit): bigint {
  const passed = parseSoftLimit(Deno.env.get(OPEN_FILES_VARIABLE));
  if (passed !== undefined && passed <= now.hard) return passed;
  if (now.soft < now.hard) return now.soft;
  const parent = limitOfParent();
  return parent?.hard === now.hard ? parent.soft : now.soft;
}

/** Undefined for anything but a number, also for "unlimited". */
function parseSoftLimit(value: string | undefined): bigint | undefined {
  return value !== undefined && /^[0-9]{1,18}$/.test(value)
    ? BigInt(value)
    : undefined;
}

/** Unlike prlimit(2), /proc/PID/limits is readable by every user. */
function limitOfParent(): Limit | undefined {
  // Undefined if there is no parent, or it is hidden.
  const bytes = ifPossible(() => {
    using file = Fd.open(`/proc/${libc().getppid()}/limits`, O_RDONLY);
    return file.readAll(LIMITS_FILE_MAX);
  });
  const [soft, hard] = parseLimits(new TextDecoder().decode(bytes)).NOFILE ??
    [];
  if (soft === undefined || hard === undefined) return undefined;
  return { soft: BigInt(soft), hard: BigInt(hard) };
}

/**
 * CPRCTL_OPEN_FILES for the next program, if it is needed: to pass on a soft
 * limit below the hard one, or to replace a value that was meant for us.
 *
 * @param environment of the next program
 */
export function openFilesVariable(
  { soft, hard }: Limit,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  return soft < hard || OPEN_FILES_VARIABLE in environment
    ? { [OPEN_FILES_VARIABLE]: `${soft}` }
    : {};
}

/**
 * Sets this process's limit until the result is disposed of.
 *
 * @throws {OsError} EPERM, EINVAL.
 */
export function withOpenFiles(limit: Limit): Disposable {
  const before = getLimit("NOFILE");
  setLimit("NOFILE", limit);
  return { [Symbol.dispose]: () => setLimit("NOFILE", before) };
}

/**
 * Sets CPRCTL_OPEN_FILES in this process's own environment, if the next program
 * needs it, until the result is disposed of.
 */
export function withOpenFilesVariable(limit: Limit): Disposable {
  return withVariables(openFilesVariable(limit, Deno.env.toObject()));
}
