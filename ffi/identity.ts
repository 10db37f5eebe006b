/**
 * Taking on another process's place: namespaces, root, ids, umask, personality.
 * All of it for a process that is about to execute another program.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";
import { cString } from "./memory.ts";

const CLONE_FS = 0x200;
/** setns takes the namespace's kind from the descriptor. */
const ANY_KIND = 0;

/**
 * Enters a namespace, given by a descriptor of /proc/PID/ns/KIND; this thread
 * alone does, which is the one that executes.
 *
 * @throws {OsError} EPERM, EINVAL for a kind that a thread cannot enter.
 */
export function enterNamespace(namespace: Fd): void {
  // A mount namespace is closed to threads that share their root and cwd.
  check(libc().unshare(CLONE_FS), "unshare");
  check(libc().setns(namespace.number, ANY_KIND), "setns", namespace.number);
}

/** @throws {OsError} EPERM, ENOENT, ENOTDIR. */
export function changeRoot(path: string): void {
  check(libc().chroot(cString(path)), "chroot", path);
}

/** @throws {OsError} EACCES, ENOTDIR. */
export function changeDirectory(directory: Fd): void {
  check(libc().fchdir(directory.number), "fchdir", directory.number);
}

/** User and groups of a process. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Becomes another user for good.
 *
 * @throws {OsError} EPERM without the right to.
 */
export function becomeUser({ uid, gid, groups }: Credentials): void {
  const list = Uint32Array.from(groups);
  check(
    libc().setgroups(BigInt(list.length), new Uint8Array(list.buffer)),
    "setgroups",
  );
  check(libc().setresgid(gid, gid, gid), "setresgid", `group ${gid}`);
  check(libc().setresuid(uid, uid, uid), "setresuid", `user ${uid}`);
}

/** Sets the permissions that new files do not get. */
export function setUmask(mask: number): void {
  check(libc().umask(mask), "umask");
}

/** Sets the execution domain and its flags, such as that of fixed addresses. */
export function setPersonality(personality: number): void {
  check(libc().personality(BigInt(personality)), "personality");
}
