/**
 * Small file systems in memory.
 *
 * @module
 */

import { errnoNumber } from "./errno.ts";
import { check, libc } from "./libc.ts";
import { cString } from "./memory.ts";

const MS_NOSUID = 2n;
const MS_NODEV = 4n;
const MS_NOEXEC = 8n;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const EPERM = errnoNumber("EPERM");
const EINVAL = errnoNumber("EINVAL");
const ENOENT = errnoNumber("ENOENT");

/** How much a file system has room for. */
export interface TmpfsOptions {
  /** Bytes. */
  readonly size: number;
  /** How many files there can be. */
  readonly files: number;
  /** Permissions of its root. */
  readonly mode: number;
}

/**
 * Mounts a tmpfs on a folder.
 *
 * @throws {OsError} EPERM without the right to mount
 */
export function mountTmpfs(path: string, options: TmpfsOptions): void {
  const { size, files, mode } = options;
  // The root takes an inode as well.
  const data = `size=${size},nr_inodes=${files + 1},mode=${mode.toString(8)}`;
  const type = cString("tmpfs");
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  check(
    libc().mount(cString("cprctl"), cString(path), type, flags, cString(data)),
    "mount",
    path,
  );
}

/**
 * Takes a file system away from a folder. What is open in it stays open, and
 * goes when it is closed.
 *
 * @returns false where none is mounted there, or this process may not mount
 * @throws {OsError}
 */
export function unmountLazily(path: string): boolean {
  const result = libc().umount2(cString(path), MNT_DETACH | UMOUNT_NOFOLLOW);
  if ([-EINVAL, -ENOENT, -EPERM].includes(result)) return false;
  check(result, "umount2", path);
  return true;
}
