/**
 * The status of an open file, from statx(2).
 *
 * @module
 */

import { call } from "./libc.ts";
import { cString } from "./memory.ts";

/** `struct statx`: its size, and the offsets of the fields that are read. */
const STATX = {
  size: 256,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  fileSize: 40,
  changeSeconds: 96,
  changeNanoseconds: 104,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
} as const;
const STATX_BASIC_STATS = 0x7ff;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;

const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
const S_IFSOCK = 0o140000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFBLK = 0o060000;
const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;

const KINDS: ReadonlyMap<number, string> = new Map([
  [S_IFREG, "a file"],
  [S_IFDIR, "a directory"],
  [S_IFLNK, "a symbolic link"],
  [S_IFIFO, "a FIFO"],
  [S_IFSOCK, "a socket"],
  [S_IFCHR, "a character device"],
  [S_IFBLK, "a block device"],
]);

/** What statx(2) tells about a file. */
export interface FileStatus {
  /** Device of the file system, as `makedev` composes it. */
  readonly dev: bigint;
  /** Number of the inode on that device. */
  readonly ino: bigint;
  /** Type and permissions. */
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /**
   * When its contents, owner or permissions changed last, in milliseconds since
   * 1970: no user can set this time.
   */
  readonly changed: number;
  /** Owner. */
  readonly uid: number;
  /** Group. */
  readonly gid: number;
  /** Number of names that it has. */
  readonly nlink: number;
  /** The device of a device node. */
  readonly rdev: bigint;
  /** Whether it is a regular file. */
  readonly isFile: boolean;
  /** Whether it is a directory. */
  readonly isDirectory: boolean;
  /** Whether it is a FIFO, named or not. */
  readonly isFifo: boolean;
  /** Whether it is a socket. */
  readonly isSocket: boolean;
  /** Whether it is a character device, such as a terminal. */
  readonly isCharacterDevice: boolean;
}

/**
 * The status of an open descriptor, owned or not.
 *
 * @throws {OsError} EBADF.
 */
export function fileStatus(number: number): FileStatus {
  return statx(number, AT_EMPTY_PATH);
}

/**
 * The same, as far as the kernel knows it already: another user's file system
 * may not answer.
 *
 * @throws {OsError} EBADF.
 */
export function knownStatus(number: number): FileStatus {
  return statx(number, AT_EMPTY_PATH | AT_STATX_DONT_SYNC);
}

function statx(number: number, flags: number): FileStatus {
  const buffer = new Uint8Array(STATX.size);
  const what = [flags, STATX_BASIC_STATS, buffer] as const;
  call("statx", [number, cString(""), ...what], number);
  const view = new DataView(buffer.buffer);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const mode = view.getUint16(STATX.mode, true);
  const type = mode & S_IFMT;
  return {
    dev: makedev(u32(STATX.devMajor), u32(STATX.devMinor)),
    ino: view.getBigUint64(STATX.ino, true),
    mode,
    size: Number(view.getBigUint64(STATX.fileSize, true)),
    changed: Number(view.getBigInt64(STATX.changeSeconds, true)) * 1000 +
      u32(STATX.changeNanoseconds) / 1e6,
    uid: u32(STATX.uid),
    gid: u32(STATX.gid),
    nlink: u32(STATX.nlink),
    rdev: makedev(u32(STATX.rdevMajor), u32(STATX.rdevMinor)),
    isFile: type === S_IFREG,
    isDirectory: type === S_IFDIR,
    isFifo: type === S_IFIFO,
    isSocket: type === S_IFSOCK,
    isCharacterDevice: type === S_IFCHR,
  };
}

/** "a file", "a FIFO" and so on. */
export function kindOf({ mode }: FileStatus): string {
  return KINDS.get(mode & S_IFMT) ?? "of an unknown kind";
}

/**
 * A `dev_t` in the form of glibc, as in stat(2) and `Deno.stat`:
 *
 * ```
 *  63       44 43       20 19    8 7       0
 * │major 31…12│minor 31…8 │major… │minor 7…0│
 * ```
 */
export function makedev(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (high & 0xfffff000n) << 32n | (low & 0xffffff00n) << 12n |
    (high & 0xfffn) << 8n | low & 0xffn;
}
