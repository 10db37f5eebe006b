/**
 * Takes on another process's context: root, ids, umask, personality. For a
 * process that is about to execute another program.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { call } from "./libc.ts";
import { cString } from "./memory.ts";

/** @throws {OsError} EPERM, ENOENT, ENOTDIR. */
export function changeRoot(path: string): void {
  call("chroot", [cString(path)], path);
}

/** @throws {OsError} EACCES, ENOTDIR. */
export function changeDirectory(directory: Fd): void {
  call("fchdir", [directory.number], directory.number);
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
  call("setgroups", [BigInt(list.length), list]);
  call("setresgid", [gid, gid, gid], `group ${gid}`);
  call("setresuid", [uid, uid, uid], `user ${uid}`);
}

/** Sets the umask. */
export function setUmask(mask: number): void {
  call("umask", [mask]);
}

/** Sets the personality(2), such as ADDR_NO_RANDOMIZE. */
export function setPersonality(personality: number): void {
  call("personality", [BigInt(personality)]);
}
