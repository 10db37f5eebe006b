/**
 * Executes another program in this process.
 *
 * ```
 *   kept by the kernel      restored here          lost
 *   ──────────────────      ─────────────────      ─────────────────────────
 *   pid, parent, session    SIGPIPE (was ignored)  threads, mappings
 *   descriptors without     RLIMIT_NOFILE          signal handlers
 *     close-on-exec           (was raised)         close-on-exec descriptors
 *   cwd, umask, ids, mask
 *   of blocked signals
 * ```
 *
 * Deno does not change the signal mask of its main thread, so it is the one
 * with which the process was started.
 *
 * Deno ignores SIGPIPE. Unlike for the limit of open files (open_files.ts), the
 * action before that cannot be found out: /proc shows the current one, and the
 * parent's may differ. The next program gets the default action, as most
 * programs do. A systemd service differs, since IgnoreSIGPIPE=yes is its
 * default; but QEMU and cprctl ignore SIGPIPE themselves.
 *
 * @module
 */

import { environ, environmentVector } from "./environment.ts";
import { call, check, libc } from "./libc.ts";
import type { Limit } from "./limits.ts";
import { cString, cStringVector } from "./memory.ts";
import {
  openFilesAtStart,
  openFilesVariable,
  withOpenFiles,
  withOpenFilesVariable,
} from "./open_files.ts";
import { signalNumber } from "./signals.ts";

/** Larger than glibc's `struct sigaction`, 152 bytes; all zero is SIG_DFL. */
const SIGACTION_SIZE = 256;

export interface ExecOptions {
  /**
   * The new program's whole environment, by default this process's own. If the
   * soft limit of open files is below the hard one, CPRCTL_OPEN_FILES is added;
   * if it is there already, it is set to that soft limit.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * The limit of open files; by default the one that this process began with.
   */
  readonly openFiles?: Limit;
  /** The file to execute, if it is not argv[0]. */
  readonly file?: string | undefined;
}

/**
 * Replaces the running program; does not return on success.
 *
 * @param argv the program, searched in this process's PATH if it has no slash,
 * and its arguments
 * @throws {OsError} with `argv[0]` as the detail when the program cannot be
 * run, and this process is unchanged; ENOENT, EACCES, ENOEXEC, E2BIG, ETXTBSY
 * and more.
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
  const environment = options.environment && environmentVector({
    ...options.environment,
    ...openFilesVariable(openFiles, options.environment),
  });

  using _own = environment === undefined
    ? withOpenFilesVariable(openFiles)
    : undefined;
  using _openFiles = withOpenFiles(openFiles);
  using _sigpipe = withDefaultAction(signalNumber("SIGPIPE"));
  const result = libc().execvpe(file, words, environment ?? environ());
  check(result, "execvp", program);
  throw new Error(`Cannot execute "${program}": execvp returned ${result}`);
}

/** Gives a signal its default action until the result is disposed of. */
function withDefaultAction(signal: number): Disposable {
  const before = new Uint8Array(SIGACTION_SIZE);
  call("sigaction", [signal, new Uint8Array(SIGACTION_SIZE), before]);
  return {
    [Symbol.dispose]() {
      call("sigaction", [signal, before, null]);
    },
  };
}
