/**
 * Namespaces: enters them, asks who owns one, starts children in a new one.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { call } from "./libc.ts";
import { O_RDONLY } from "./open_flags.ts";

const CLONE_FS = 0x200;
/** setns(2) takes the kind of namespace from the descriptor. */
const ANY_KIND = 0;
const CLONE_NEWPID = 0x20000000;
/** `_IO(0xb7, 0x1)` */
const NS_GET_USERNS = 0xb701n;

/**
 * Enters a namespace by a descriptor of /proc/PID/ns/KIND. Only this thread
 * does, which is the one that executes.
 *
 * @throws {OsError} EPERM, EINVAL for a kind that a thread cannot enter.
 */
export function enterNamespace(namespace: Fd): void {
  // A thread that shares root and cwd cannot enter a mount namespace.
  call("unshare", [CLONE_FS]);
  call("setns", [namespace.number, ANY_KIND], namespace.number);
}

/**
 * The user namespace that owns a namespace: its root has all rights in it.
 *
 * @throws {OsError} EPERM when it is neither this process's nor a descendant
 */
export function ownerOf(namespace: Fd): Fd {
  const args = [namespace.number, NS_GET_USERNS, null] as const;
  return Fd.adopt(call("ioctl", args, "NS_GET_USERNS"));
}

/**
 * Until the result is disposed of, the next child of this thread is the first
 * process of a new pid namespace: when it ends, so do all processes in it.
 *
 * @throws {OsError} EPERM without CAP_SYS_ADMIN, ENOSPC with too many of them.
 */
export function withPidNamespace(): Disposable {
  using made = new DisposableStack();
  const own = made.use(Fd.open("/proc/thread-self/ns/pid", O_RDONLY));
  call("unshare", [CLONE_NEWPID]);
  made.move();
  return {
    [Symbol.dispose]() {
      call("setns", [own.number, CLONE_NEWPID], own.number);
      own.close();
    },
  };
}
