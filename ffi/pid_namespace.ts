/**
 * Starts children in a new pid namespace.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";
import { O_RDONLY } from "./open_flags.ts";

const CLONE_NEWPID = 0x20000000;

/**
 * Until the result is disposed of, the next child of this thread is the first
 * process of a new pid namespace: when it ends, so do all processes in it.
 *
 * @throws {OsError} EPERM without CAP_SYS_ADMIN, ENOSPC with too many of them.
 */
export function withPidNamespace(): Disposable {
  const own = Fd.open("/proc/thread-self/ns/pid", O_RDONLY);
  try {
    check(libc().unshare(CLONE_NEWPID), "unshare");
  } catch (error) {
    own.close();
    throw error;
  }
  return {
    [Symbol.dispose]() {
      check(libc().setns(own.number, CLONE_NEWPID), "setns", own.number);
      own.close();
    },
  };
}
