/**
 * Anonymous files in memory, and seals on them.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { call } from "./libc.ts";
import { cString } from "./memory.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;

const F_ADD_SEALS = 1033;

/** The file cannot get smaller. */
export const SEAL_SHRINK = 0x02;
/** The file cannot get larger. */
export const SEAL_GROW = 0x04;

export interface MemfdOptions {
  /** In bytes, all zero; 0 by default. */
  readonly size?: number;
  /** Whether exec closes it; true by default. */
  readonly cloexec?: boolean;
  /** Whether seals may be added; false by default. */
  readonly sealing?: boolean;
}

/**
 * Creates a file in memory.
 *
 * @param name shown as `/memfd:NAME (deleted)` in /proc; need not be unique, at
 * most 249 bytes
 * @throws {OsError} EINVAL for a long name, EMFILE, EFBIG, ENOMEM.
 */
export function createMemfd(name: string, options: MemfdOptions = {}): Fd {
  const { size = 0, cloexec = true, sealing = false } = options;
  const flags = (cloexec ? MFD_CLOEXEC : 0) |
    (sealing ? MFD_ALLOW_SEALING : 0);
  const number = call("memfd_create", [cString(name), flags], name);
  using made = new DisposableStack();
  const fd = made.use(Fd.adopt(number));
  if (size !== 0) fd.truncate(size);
  made.move();
  return fd;
}

/**
 * Adds seals to a file.
 *
 * @param seals `SEAL_*`, or-ed
 * @throws {OsError} EPERM when sealing is not allowed, EINVAL for a file that
 * cannot be sealed.
 */
export function addSeals(fd: Fd, seals: number): void {
  call("fcntl", [fd.number, F_ADD_SEALS, seals], fd.number);
}
