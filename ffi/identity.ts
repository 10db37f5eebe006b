/**
 * Takes on another process's context: namespaces, root, ids, umask,
 * personality. For a process that is about to execute another program.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";
import { cString } from "./memory.ts";

const CLONE_FS = 0x200;
/** setns(2) takes the kind of namespace from the descriptor. */
const ANY_KIND = 0;

/**
 * Enters a namespace by a descriptor of /proc/PID/ns/KIND. Only this thread
 * does, which is the one that executes.
 *
 * @throws {OsError} EPERM, EINVAL for a kind that a thread cannot enter.
 */
export function enterNamespace(namespace: Fd): void {
  // A thread that shares root and cwd cannot enter a mount namespace.
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
 * Becomes another user, permanently.
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

/** Sets the umask. */
export function setUmask(mask: number): void {
  check(libc().umask(mask), "umask");
}

/** Sets the personality(2), such as ADDR_NO_RANDOMIZE. */
export function setPersonality(personality: number): void {
  check(libc().personality(BigInt(personality)), "personality");
}
