/**
 * File descriptors with an owner.
 *
 * @module
 */

import { call, callRetrying, ifPossible, libc, osError } from "./libc.ts";
import { cString, foreignBytes } from "./memory.ts";
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
} from "./open_flags.ts";
import { type FileStatus, fileStatus } from "./file_status.ts";

const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;

const FADV_WILLNEED = 3;
const FADV_DONTNEED = 4;
/** Offset and size; 0 reaches to the end. */
const WHOLE_FILE = [0n, 0n] as const;

const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

const LOCK_EX = 2;
const LOCK_NB = 4;

const WHENCE = { set: 0, current: 1, end: 2 } as const;

/** The buffer of `readAll` for a file without a size, such as a pipe. */
const FIRST_READ = 64 * 1024;

/** Whether the number is an open descriptor of this process. */
export function descriptorIsOpen(number: number): boolean {
  return libc().fcntl(number, F_GETFD, 0) >= 0;
}

/**
 * Whether a descriptor, owned or not, is closed by exec.
 *
 * @throws {OsError} EBADF.
 */
export function getCloexec(number: number): boolean {
  const flags = call("fcntl", [number, F_GETFD, 0], number);
  return (flags & FD_CLOEXEC) !== 0;
}

/**
 * Sets whether a descriptor, owned or not, is closed by exec.
 *
 * @throws {OsError} EBADF.
 */
export function setCloexec(number: number, on: boolean): void {
  const flags = on ? FD_CLOEXEC : 0;
  call("fcntl", [number, F_SETFD, flags], number);
}

/**
 * Whether a descriptor, owned or not, was opened for writing.
 *
 * @throws {OsError} EBADF.
 */
export function isWritable(number: number): boolean {
  return (openedWith(number) & O_ACCMODE) !== O_RDONLY;
}

/** The flags of open(2) with which a descriptor's file is open. */
export function openedWith(number: number): number {
  return call("fcntl", [number, F_GETFL, 0], number);
}

/** How a duplicate is made. */
export interface DuplicateOptions {
  /** Whether exec closes the duplicate; true by default. */
  readonly cloexec?: boolean;
  /** The lowest number that the duplicate may have; 0 by default. */
  readonly atLeast?: number;
}

/**
 * Duplicates a descriptor, owned or not.
 *
 * @throws {OsError} EBADF, or EMFILE when none is free.
 */
export function duplicate(number: number, options: DuplicateOptions = {}): Fd {
  const { cloexec = true, atLeast = 0 } = options;
  const operation = cloexec ? F_DUPFD_CLOEXEC : F_DUPFD;
  return Fd.adopt(call("fcntl", [number, operation, atLeast], number));
}

/**
 * An owned descriptor.
 *
 * Every method throws {@link OsError}; EBADF when the descriptor was closed or
 * released before. Calls that a signal interrupts are repeated.
 */
export class Fd implements Disposable {
  /** -1 when closed or released. */
  #number: number;

  private constructor(number: number) {
    this.#number = number;
  }

  /**
   * Takes ownership of an open descriptor.
   *
   * @throws {OsError} EBADF when it is not open.
   */
  static adopt(number: number): Fd {
    getCloexec(number);
    return new Fd(number);
  }

  /**
   * Opens a file, always close-on-exec; a terminal does not become the
   * controlling one. If another user may have put the file there, use
   * `openForeignFile`.
   *
   * @param flags `O_*` of open_flags.ts
   * @param mode permissions of a file that is created, before the umask
   */
  static open(path: string, flags: number, mode = 0o666): Fd {
    const args = [cString(path), flags | O_CLOEXEC | O_NOCTTY, mode] as const;
    return new Fd(callRetrying("open", args, path));
  }

  /**
   * The same on another thread: for an open that another process can block, for
   * any time.
   *
   * @returns undefined when it cannot be opened, for any reason
   */
  static async openOnThread(
    path: string,
    flags: number,
  ): Promise<Fd | undefined> {
    const how = flags | O_CLOEXEC | O_NOCTTY;
    const number = await libc().open_on_thread(cString(path), how, 0);
    return number < 0 ? undefined : new Fd(number);
  }

  /** The number; callers must not keep it. */
  get number(): number {
    if (this.#number < 0) throw osError("EBADF", "use", "closed descriptor");
    return this.#number;
  }

  /** Whether it is closed or released. */
  get closed(): boolean {
    return this.#number < 0;
  }

  /** Another descriptor of the same open file: offset and locks are shared. */
  dup(options: DuplicateOptions = {}): Fd {
    return duplicate(this.number, options);
  }

  /**
   * Duplicates it to another number, which survives exec; that number is closed
   * before. Only right before an exec: the number may be one of the runtime's
   * own descriptors.
   */
  takeNumber(target: number): void {
    const number = this.number;
    if (number === target) this.setCloexec(false);
    else call("dup3", [number, target, 0], number);
  }

  /** Whether exec closes it. */
  get cloexec(): boolean {
    return getCloexec(this.number);
  }

  /** Sets whether exec closes it. */
  setCloexec(on: boolean): void {
    setCloexec(this.number, on);
  }

  /** Sets whether calls return EAGAIN instead of waiting. */
  setNonblocking(on: boolean): void {
    const number = this.number;
    const flags = openedWith(number);
    const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    call("fcntl", [number, F_SETFL, wanted], number);
  }

  /** Reads what is available, at most what fits; returns 0 at EOF. */
  read(into: Uint8Array): number {
    return this.#move("read", into);
  }

  /**
   * Like {@link read}, on another thread: for a file that may be slow.
   *
   * @returns 0 also when it fails, for any reason
   */
  async readOnThread(into: Uint8Array<ArrayBuffer>): Promise<number> {
    const bytes = foreignBytes(into);
    const length = BigInt(bytes.length);
    const count = await libc().read_on_thread(this.number, bytes, length);
    return Math.max(0, count);
  }

  /**
   * Reads from the offset to the end of the file.
   *
   * @param limit the most bytes to read
   * @throws {OsError} EFBIG when there are more than the limit.
   */
  readAll(limit: number): Uint8Array<ArrayBuffer> {
    const status = this.stat();
    const guess = status.isFile ? status.size : FIRST_READ;
    // One byte more, to notice the end.
    let buffer = new Uint8Array(Math.min(guess, limit) + 1);
    let length = 0;
    for (;;) {
      const count = this.read(buffer.subarray(length));
      if (count === 0) return buffer.slice(0, length);
      length += count;
      if (length > limit) {
        throw osError("EFBIG", "read", `descriptor ${this.number}`);
      }
      if (length === buffer.length) {
        const larger = new Uint8Array(Math.min(2 * length, limit) + 1);
        larger.set(buffer);
        buffer = larger;
      }
    }
  }

  /** Writes as much as possible, which may be less than all. */
  write(from: Uint8Array): number {
    return this.#move("write", from);
  }

  /** Writes everything. */
  writeAll(from: Uint8Array): void {
    for (let done = 0; done < from.length;) {
      done += this.write(from.subarray(done));
    }
  }

  /** Like {@link read}, at a given offset and without moving the file's own. */
  pread(into: Uint8Array, offset: number): number {
    return this.#moveAt("pread", into, offset);
  }

  /** Like {@link pread}, until the buffer is full or the file ends. */
  preadAll(into: Uint8Array, offset: number): number {
    let done = 0;
    while (done < into.length) {
      const count = this.pread(into.subarray(done), offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /**
   * Like {@link write}, at a given offset and without moving the file's own.
   */
  pwrite(from: Uint8Array, offset: number): number {
    return this.#moveAt("pwrite", from, offset);
  }

  #move(name: "read" | "write", from: Uint8Array): number {
    const number = this.number;
    const bytes = foreignBytes(from);
    return callRetrying(name, [number, bytes, BigInt(bytes.length)], number);
  }

  #moveAt(name: "pread" | "pwrite", from: Uint8Array, offset: number): number {
    const number = this.number;
    const bytes = foreignBytes(from);
    const place = [BigInt(bytes.length), BigInt(offset)] as const;
    return callRetrying(name, [number, bytes, ...place], number);
  }

  /** Moves the offset, in bytes, and returns the new one. */
  seek(offset: number, whence: "set" | "current" | "end" = "set"): number {
    const number = this.number;
    return call("lseek", [number, BigInt(offset), WHENCE[whence]], number);
  }

  /** Sets the size of the file in bytes; added bytes are zero. */
  truncate(size: number): void {
    callRetrying("ftruncate", [this.number, BigInt(size)], this.#number);
  }

  /** Its status. */
  stat(): FileStatus {
    return fileStatus(this.number);
  }

  /** Changes the permissions. */
  chmod(mode: number): void {
    call("fchmod", [this.number, mode], this.#number);
  }

  /** Changes owner and group. */
  chown(uid: number, gid: number): void {
    call("fchown", [this.number, uid, gid], this.#number);
  }

  /**
   * Gives a name to a file that was opened with O_TMPFILE.
   *
   * @throws {OsError} EEXIST when the name exists, even as a link.
   */
  link(path: string): void {
    const here = cString(`/proc/self/fd/${this.number}`);
    const there = cString(path);
    call("linkat", [AT_FDCWD, here, AT_FDCWD, there, AT_SYMLINK_FOLLOW], path);
  }

  /** Has the kernel read the file into the page cache; does not wait. */
  willNeed(): void {
    this.#advise(FADV_WILLNEED);
  }

  /** Drops clean, unused pages of the file from the page cache. */
  dontNeed(): void {
    this.#advise(FADV_DONTNEED);
  }

  #advise(advice: number): void {
    const number = this.number;
    call("posix_fadvise", [number, ...WHOLE_FILE, advice], number);
  }

  /**
   * Takes the exclusive flock(2) of the open file. It is held until every
   * duplicate of the descriptor is closed.
   *
   * @returns false when another open file description has it.
   */
  tryLock(): boolean {
    const number = this.number;
    const locked = () =>
      callRetrying("flock", [number, LOCK_EX | LOCK_NB], number);
    return ifPossible(locked, "EAGAIN") !== undefined;
  }

  /** Gives up ownership of the open descriptor. */
  release(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }

  /**
   * Closes the descriptor, unless it is closed already.
   *
   * @throws {OsError} when written data was lost; the descriptor is closed
   * nevertheless.
   */
  close(): void {
    if (this.#number < 0) return;
    const number = this.release();
    // Linux frees the number even if a signal interrupts: never repeat.
    ifPossible(() => call("close", [number], number), "EINTR");
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
