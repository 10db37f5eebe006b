/**
 * Mounts small tmpfs file systems.
 *
 * @module
 */

import { call, ifPossible } from "./libc.ts";
import { cString } from "./memory.ts";

const MS_NOSUID = 2n;
const MS_NODEV = 4n;
const MS_NOEXEC = 8n;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** The limits of a file system. */
export interface TmpfsOptions {
  /** Bytes. */
  readonly size: number;
  /** Maximum number of files. */
  readonly files: number;
  /** Permissions of its root directory. */
  readonly mode: number;
}

/**
 * Mounts a tmpfs on a directory.
 *
 * @throws {OsError} EPERM without the right to mount
 */
export function mountTmpfs(path: string, options: TmpfsOptions): void {
  const { size, files, mode } = options;
  // The root directory needs an inode as well.
  const data = `size=${size},nr_inodes=${files + 1},mode=${mode.toString(8)}`;
  const type = cString("tmpfs");
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const what = [cString("cprctl"), cString(path), type] as const;
  call("mount", [...what, flags, cString(data)], path);
}

/**
 * Unmounts lazily (MNT_DETACH): open files stay usable until they are closed.
 *
 * @returns false if nothing is mounted there, or this process may not unmount
 * @throws {OsError}
 */
export function unmountLazily(path: string): boolean {
  const args = [cString(path), MNT_DETACH | UMOUNT_NOFOLLOW] as const;
  const unmount = () => call("umount2", args, path);
  return ifPossible(unmount, "EINVAL", "ENOENT", "EPERM") !== undefined;
}
