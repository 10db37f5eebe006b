/**
 * Another program in this process.
 *
 * ```
 *   kept by the kernel      put back here          gone
 *   ──────────────────      ─────────────────      ─────────────────────────
 *   pid, parent, session    SIGPIPE (was ignored)  threads, mappings
 *   descriptors without     RLIMIT_NOFILE          signal handlers
 *     close-on-exec           (was raised)         close-on-exec descriptors
 *   cwd, umask, ids, mask
 *   of blocked signals
 * ```
 *
 * Deno leaves the mask of its main thread as it found it, so the caller's mask
 * is the one that the process was started with.
 *
 * It ignores SIGPIPE, and unlike the limit of open files (open_files.ts) what
 * was before has no witness: /proc shows what is ignored now, and a parent that
 * ignores it need not have passed that on. The successor gets the default, as
 * nearly every process is started with. In a service of systemd that is another
 * than before, as IgnoreSIGPIPE=yes is its default; QEMU and this program ignore
 * SIGPIPE by themselves.
 *
 * @module
 */

import { environmentVector, withVariables } from "./environment.ts";
import { check, libc } from "./libc.ts";
import type { Limit } from "./limits.ts";
import { cString, cStringVector } from "./memory.ts";
import {
  openFilesAtStart,
  saidToSuccessor,
  withOpenFiles,
} from "./open_files.ts";
import { SIGNALS } from "./signals.ts";

/** Larger than glibc's `struct sigaction`, 152 bytes; all zero is SIG_DFL. */
const SIGACTION_SIZE = 256;

export interface ExecOptions {
  /**
   * All of the new program's environment; this process's own unless given. Where
   * the soft limit of open files is below the hard one, CPRCTL_OPEN_FILES is
   * added, and where it is there already it is made to say that soft limit.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** The limit of open files; what this process was started with unless given. */
  readonly openFiles?: Limit;
  /** The file to execute where it is another than argv[0] says. */
  readonly file?: string;
}

/**
 * Replaces the running program; on success there is no return.
 *
 * @param argv the program, looked for in this process's PATH when it has no
 * slash, and what it is told
 * @throws {OsError} with `argv[0]` as the detail when the program cannot be
 * run, and everything is as it was before the call; ENOENT, EACCES, ENOEXEC,
 * E2BIG, ETXTBSY and more.
 * @throws {TypeError} when argv is empty or a text has a NUL.
 */
export function execvp(
  argv: readonly string[],
  options: ExecOptions = {},
): never {
  const program = options.file ?? argv[0];
  if (program === undefined || argv.length === 0) {
    throw new TypeError("Cannot execute a program: its argv is empty");
  }
  const openFiles = options.openFiles ?? openFilesAtStart();
  const file = cString(program);
  const words = cStringVector(argv);
  const environment = options.environment === undefined
    ? undefined
    : environmentVector({
      ...options.environment,
      ...saidToSuccessor(openFiles, options.environment),
    });

  using _own = withVariables(
    environment === undefined
      ? saidToSuccessor(openFiles, Deno.env.toObject())
      : {},
  );
  using _openFiles = withOpenFiles(openFiles);
  using _sigpipe = withDefaultAction(SIGNALS.SIGPIPE);
  const result = environment === undefined
    ? libc().execvp(file, words)
    : libc().execvpe(file, words, environment);
  check(result, "execvp", program);
  throw new Error(`Cannot execute "${program}": execvp returned ${result}`);
}

/** Gives a signal its default action until the result is disposed. */
function withDefaultAction(signal: number): Disposable {
  const before = new Uint8Array(SIGACTION_SIZE);
  check(
    libc().sigaction(signal, new Uint8Array(SIGACTION_SIZE), before),
    "sigaction",
  );
  return {
    [Symbol.dispose]() {
      check(libc().sigaction(signal, before, null), "sigaction");
    },
  };
}
