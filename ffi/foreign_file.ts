/**
 * The one way to open what another user may have put at a path.
 *
 * An open can be an act: that of a device starts it or rewinds it, that of a
 * terminal may make it the controlling one, that of a FIFO waits for a writer,
 * that of a file with a lease waits for its owner. So the path leads to a
 * descriptor that only stands for the file, what it stands for is looked at,
 * and only a regular file is opened, through that very descriptor:
 *
 * ```
 * openat2(path, O_PATH │ O_NOFOLLOW)   nothing is opened, no right to read needed
 * statx(that)                          a regular file?
 * open(/proc/self/fd/THAT, O_NONBLOCK)
 * ```
 *
 * Between the steps nobody can put another file there. What is read has a bound.
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

const SYS_OPENAT2 = 437n;
/** Links as those in /proc/PID/fd lead anywhere, even out of a root. */
const RESOLVE_NO_MAGICLINKS = 0x02n;
/** The directory is "/" to the path and to every link in it, also to "..". */
const RESOLVE_IN_ROOT = 0x10n;

const EAGAIN = errnoNumber("EAGAIN");
const EINTR = errnoNumber("EINTR");
/** Somebody renamed a folder of the path meanwhile; more often than by chance. */
const RENAMES = 100;

/** How a path is followed. */
export interface ForeignPath {
  /**
   * Whether a symbolic link at the end of the path is followed: for a path that
   * a person gave. Not unless said otherwise; those before the end are.
   */
  readonly followLink?: boolean;
  /** A folder that path and links stay in, as after chroot(2). */
  readonly root?: Fd;
  /** Root follows the path, and opens what is there, with no more rights. */
  readonly user?: Credentials | undefined;
}

/** How a file is opened. */
export interface ForeignFile extends ForeignPath {
  /** To be written as well; only to be read unless said otherwise. */
  readonly writable?: boolean;
  /** Whether a FIFO is opened as well, once it has a writer. */
  readonly orFifo?: boolean;
}

/** Something else than a regular file is at a path. */
export class WrongKindError extends OsError {
  override readonly name = "WrongKindError";

  constructor(path: string, status: FileStatus) {
    const kind = kindOf(status);
    super(
      errnoNumber(status.isDirectory ? "EISDIR" : "EINVAL"),
      "open",
      path,
      `It is ${kind}, no regular file`,
    );
  }
}

/**
 * Opens a regular file. Nothing else is opened, and nothing waits.
 *
 * @throws {WrongKindError} for a FIFO, a device, a directory, a socket, a link
 * @throws {OsError} ENOENT, EACCES, ELOOP for a link of the kind of
 * /proc/PID/fd below a root, EAGAIN when another process has a lease on it
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
  return user === undefined ? work() : withRightsOf(user, work);
}

/**
 * Reads a whole regular file, as {@linkcode openForeignFile} opens it.
 *
 * @param limit the most bytes to take
 * @throws {OsError} besides, EFBIG when there are more
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
 * Like {@linkcode openForeignFile}, but the path is followed on another thread,
 * with the rights of this process: where another one can hold that up, as in
 * /proc/PID/map_files, which waits for its address space.
 *
 * @throws {OsError} EIO where nothing can be found there, for whatever reason
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

/** The status of what is at a path, which is not opened. */
export function foreignStatus(path: string, how: ForeignPath = {}): FileStatus {
  const { user } = how;
  const work = () => {
    using pinned = pin(path, how);
    return pinned.stat();
  };
  return user === undefined ? work() : withRightsOf(user, work);
}

/**
 * Opens a memfd of another process to be read. Whoever mounts a file system of
 * their own can give a FIFO or file the same name in /proc; the device tells.
 *
 * @throws {OsError} EINVAL when the descriptor is no memfd; ENOENT
 */
export function openForeignMemfd(pid: number, number: number): Fd {
  const path = `/proc/${pid}/fd/${number}`;
  using pinned = pin(path, { followLink: true });
  const status = pinned.stat();
  if (!status.isFile) throw new WrongKindError(path, status);
  if (status.nlink !== 0 || status.dev !== deviceOfMemfds()) {
    throw new OsError(errnoNumber("EINVAL"), "open", path, "It is no memfd");
  }
  return openPinned(pinned, path, O_RDONLY | O_NONBLOCK);
}

/** A folder to give as a root, such as /proc/PID/root. */
export function openRoot(path: string): Fd {
  return Fd.open(path, O_PATH | O_DIRECTORY);
}

let memfds: bigint | undefined;

/** All memfds are in one file system, which has no other files with a name. */
function deviceOfMemfds(): bigint {
  if (memfds !== undefined) return memfds;
  using one = createMemfd("cprctl-device");
  return memfds = one.stat().dev;
}

/** A descriptor that stands for what is at a path, and opens nothing. */
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
  const directory = BigInt(root.number);
  for (let tries = 0; tries < RENAMES; tries++) {
    const number = libc()
      .openat2(SYS_OPENAT2, directory, name, how, BigInt(how.byteLength));
    if (number === -EAGAIN || number === -EINTR) continue;
    return Fd.adopt(check(number, "open", path));
  }
  throw osError("EAGAIN", "open", path);
}

/** The file that a descriptor stands for, opened. */
function openPinned(pinned: Fd, path: string, flags: number): Fd {
  try {
    return Fd.open(`/proc/self/fd/${pinned.number}`, flags);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new OsError(error.errno, "open", path);
  }
}
