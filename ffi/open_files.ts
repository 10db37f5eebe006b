/**
 * The limit of open files that this process was started with.
 *
 * Deno raises its soft limit to the hard one before the first line of a program
 * runs, and limits survive exec. A program started from here would find, say,
 * 524288 where it would have found 1024 (and one that uses select(2), or that
 * closes every possible descriptor, would break or crawl). So exec and spawn put
 * the soft limit back. The kernel keeps no record of the value before; these are
 * the witnesses, the best first:
 *
 * 1. The environment variable CPRCTL_OPEN_FILES. The shell head of the
 *    single-file program sees `ulimit -Sn` before Deno does and says it there;
 *    execvp says it to its successor, so a chain of execs does not
 *    forget what its first link knew.
 * 2. The present soft limit, when it is below the hard one: Deno did not raise
 *    it, or somebody has set it since and meant it.
 * 3. The parent's soft limit, if its hard limit is ours: limits are inherited, so
 *    with nothing done in between its soft limit is ours, too. This is a guess,
 *    and nothing tells when it is wrong: when the parent raised its own after it
 *    started us (we say too much) or lowered it (too little), when it set one
 *    for us alone, as a shell does in `(ulimit -Sn 4096; exec …)`, when somebody
 *    set ours by prlimit(2), or when the real parent is gone and another process
 *    took us over.
 * 4. None: the present limit is kept.
 *
 * Who knows better passes `openFiles` to exec or spawn. What else Deno changes,
 * the action of SIGPIPE, has no witness at all: exec.ts.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { libc, OsError } from "./libc.ts";
import { getLimit, type Limit, parseLimits, setLimit } from "./limits.ts";
import { O_RDONLY } from "./open_flags.ts";

/** Holds the soft limit in decimal. */
export const OPEN_FILES_VARIABLE = "CPRCTL_OPEN_FILES";

/** A /proc/PID/limits has 1.4 KB. */
const LIMITS_FILE_MAX = 64 * 1024;

/** Found once: the parent may be another one later. */
let witnessed: bigint | undefined;

/**
 * The limit that a successor shall have: the soft limit as it was when this
 * process started, as far as that can be known, and the present hard limit.
 *
 * The witnesses are heard at the first call; a program that runs for long makes
 * it early, while its parent still lives.
 */
export function openFilesAtStart(): Limit {
  const now = getLimit("NOFILE");
  witnessed ??= softLimitAtStart(now);
  return witnessed <= now.hard ? { soft: witnessed, hard: now.hard } : now;
}

function softLimitAtStart(now: Limit): bigint {
  const said = softLimitSaid(Deno.env.get(OPEN_FILES_VARIABLE));
  if (said !== undefined && said <= now.hard) return said;
  if (now.soft < now.hard) return now.soft;
  const parent = limitOfParent();
  return parent?.hard === now.hard ? parent.soft : now.soft;
}

/** Anything but a number, "unlimited" too, says nothing. */
function softLimitSaid(value: string | undefined): bigint | undefined {
  return value !== undefined && /^[0-9]{1,18}$/.test(value)
    ? BigInt(value)
    : undefined;
}

/** Read from /proc, which unlike prlimit(2) everyone may do. */
function limitOfParent(): Limit | undefined {
  let text: string;
  try {
    using file = Fd.open(`/proc/${libc().getppid()}/limits`, O_RDONLY);
    text = new TextDecoder().decode(file.readAll(LIMITS_FILE_MAX));
  } catch (error) {
    // No parent, or none that may be looked at: a witness less.
    if (error instanceof OsError) return undefined;
    throw error;
  }
  const [soft, hard] = parseLimits(text).NOFILE ?? [];
  if (soft === undefined || hard === undefined) return undefined;
  return { soft: BigInt(soft), hard: BigInt(hard) };
}

/**
 * The variable that a successor needs, if it needs one: it cannot find out by
 * itself that its soft limit is below the hard one, and must not believe what
 * was said to somebody else.
 *
 * @param environment what the successor would have without
 */
export function saidToSuccessor(
  { soft, hard }: Limit,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  return soft < hard || OPEN_FILES_VARIABLE in environment
    ? { [OPEN_FILES_VARIABLE]: `${soft}` }
    : {};
}

/**
 * Sets this process's limit until the result is disposed.
 *
 * @throws {OsError} EPERM, EINVAL.
 */
export function withOpenFiles(limit: Limit): Disposable {
  const before = getLimit("NOFILE");
  setLimit("NOFILE", limit);
  return { [Symbol.dispose]: () => setLimit("NOFILE", before) };
}
