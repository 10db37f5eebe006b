/**
 * The only way to open a path at which another user may have put any file.
 *
 * To open a file can have side effects: a device may start or rewind, a
 * terminal may become the controlling one, a FIFO waits for a writer, a file
 * with a lease waits for its owner. So the path is first resolved to an O_PATH
 * descriptor, and only if that is a regular file, it is opened through the
 * descriptor:
 *
 * ```
 * openat2(path, O_PATH │ O_NOFOLLOW)   does not open the file
 * statx(fd)                            a regular file?
 * open(/proc/self/fd/FD, O_NONBLOCK)
 * ```
 *
 * The file cannot be replaced between the steps. Every read has a limit.
 *
 * @module
 */

import { errnoNumber } from "./errno.ts";
import { Fd } from "./fd.ts";
import { withRightsOf } from "./file_rights.ts";
import { type FileStatus, kindOf } from "./file_status.ts";
import type { Credentials } from "./identity.ts";
import { check, libc, OsError, osError } from "./libc.ts";
import { createMemfd } from "./memfd.ts";
import { cString } from "./memory.ts";
import {
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
} from "./open_flags.ts";

/** Links such as /proc/PID/fd/N can lead out of a root. */
const RESOLVE_NO_MAGICLINKS = 0x02n;
/** The directory is "/" for the path and every link in it, also for "..". */
const RESOLVE_IN_ROOT = 0x10n;

const EAGAIN = errnoNumber("EAGAIN");
const EINTR = errnoNumber("EINTR");
/** Retries when a directory of the path is renamed during the lookup. */
const RENAMES = 100;

/** How a path is resolved. */
export interface ForeignPath {
  /**
   * Whether a symbolic link at the end of the path is followed, for a path from
   * the operator; false by default. Links before the end are always followed.
   */
  readonly followLink?: boolean;
  /** A directory that the path cannot leave, as after chroot(2). */
  readonly root?: Fd;
  /** If this process is root, it resolves and opens with this user's rights. */
  readonly user?: Credentials | undefined;
}

/** How a file is opened. */
export interface ForeignFile extends ForeignPath {
  /** Whether it is opened for writing, too; false by default. */
  readonly writable?: boolean;
  /** Whether a FIFO is opened as well, once it has a writer. */
  readonly orFifo?: boolean;
}

/** The file at a path is not a regular file. */
export class WrongKindError extends OsError {
  override readonly name = "WrongKindError";

  constructor(path: string, status: FileStatus) {
    const kind = kindOf(status);
    super(
      errnoNumber(status.isDirectory ? "EISDIR" : "EINVAL"),
      "open",
      path,
      `It is ${kind}, not a regular file`,
    );
  }
}

/**
 * Opens a regular file, and nothing else; never waits.
 *
 * @throws {WrongKindError} for a FIFO, a device, a directory, a socket, a link
 * @throws {OsError} ENOENT, EACCES, ELOOP for a link such as /proc/PID/fd/N
 * with a root, EAGAIN when another process has a lease on it
 */
export function openForeignFile(path: string, how: ForeignFile = {}): Fd {
  const { user, writable = false, orFifo = false } = how;
  const work = () => {
    using pinned = pin(path, how);
    const status = pinned.stat();
    if (orFifo && status.isFifo) return openPinned(pinned, path, O_RDONLY);
    if (!status.isFile) throw new WrongKindError(path, status);
    const access = writable ? O_RDWR : O_RDONLY;
    return openPinned(pinned, path, access | O_NONBLOCK);
  };
  return asUser(user, work);
}

/**
 * Reads a whole regular file; opens it with {@linkcode openForeignFile}.
 *
 * @param limit the most bytes to read
 * @throws {OsError} also EFBIG when there are more
 */
export function readForeignFile(
  path: string,
  limit: number,
  how: ForeignPath = {},
): Uint8Array<ArrayBuffer> {
  using file = openForeignFile(path, how);
  return file.readAll(limit);
}

/**
 * Like {@linkcode openForeignFile}, but resolves the path on another thread,
 * with the rights of this process: for a path that another process can block,
 * such as /proc/PID/map_files, which waits for the lock of its address space.
 *
 * @throws {OsError} EIO when the path cannot be resolved, for any reason
 */
export async function openForeignFileOnThread(
  path: string,
  user: Credentials,
): Promise<Fd> {
  const name = cString(path);
  const number = await libc().open_on_thread(name, O_PATH | O_CLOEXEC, 0);
  if (number < 0) throw osError("EIO", "open", path);
  using pinned = Fd.adopt(number);
  const status = pinned.stat();
  if (!status.isFile) throw new WrongKindError(path, status);
  const work = () => openPinned(pinned, path, O_RDONLY | O_NONBLOCK);
  return withRightsOf(user, work);
}

/** The status of the file at a path, without opening it. */
export function foreignStatus(path: string, how: ForeignPath = {}): FileStatus {
  const { user } = how;
  const work = () => {
    using pinned = pin(path, how);
    return pinned.stat();
  };
  return asUser(user, work);
}

/**
 * Opens a memfd of another process for reading.
 *
 * @throws {OsError} EINVAL when the descriptor is not a memfd; ENOENT
 */
export function openForeignMemfd(pid: number, number: number): Fd {
  const path = `/proc/${pid}/fd/${number}`;
  using pinned = pin(path, { followLink: true });
  const status = pinned.stat();
  if (!status.isFile) throw new WrongKindError(path, status);
  if (!isMemfd(status)) {
    throw new OsError(errnoNumber("EINVAL"), "open", path, "It is not a memfd");
  }
  return openPinned(pinned, path, O_RDONLY | O_NONBLOCK);
}

/**
 * Whether a file is a memfd. On a file system of their own, users can create a
 * file that has the same name in /proc; so the device is checked.
 */
export function isMemfd({ isFile, nlink, dev }: FileStatus): boolean {
  return isFile && nlink === 0 && dev === deviceOfMemfds();
}

function asUser<T>(user: Credentials | undefined, work: () => T): T {
  return user === undefined ? work() : withRightsOf(user, work);
}

/** A directory to use as a root, such as /proc/PID/root. */
export function openRoot(path: string): Fd {
  return Fd.open(path, O_PATH | O_DIRECTORY);
}

let memfds: bigint | undefined;

/** All memfds are in one file system, which has no named files. */
function deviceOfMemfds(): bigint {
  if (memfds !== undefined) return memfds;
  using one = createMemfd("cprctl-device");
  return memfds = one.stat().dev;
}

/** An O_PATH descriptor of the file at a path. */
function pin(path: string, { followLink = false, root }: ForeignPath): Fd {
  const flags = O_PATH | (followLink ? 0 : O_NOFOLLOW);
  if (root === undefined) return Fd.open(path, flags);
  const name = cString(path);
  // struct open_how { u64 flags, mode, resolve; }
  const how = BigUint64Array.of(
    BigInt(flags | O_CLOEXEC),
    0n,
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  );
  const size = BigInt(how.byteLength);
  for (let tries = 0; tries < RENAMES; tries++) {
    const number = libc().openat2(root.number, name, how, size);
    if (number === -EAGAIN || number === -EINTR) continue;
    return Fd.adopt(check(number, "open", path));
  }
  throw osError("EAGAIN", "open", path);
}

/** Opens the file of an O_PATH descriptor. */
function openPinned(pinned: Fd, path: string, flags: number): Fd {
  try {
    return Fd.open(`/proc/self/fd/${pinned.number}`, flags);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new OsError(error.errno, "open", path);
  }
}
