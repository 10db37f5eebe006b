/**
 * The output of `cprctl exec`. Nothing here blocks or throws: the guest is
 * stopped, and a VM must not be lost to a log that cannot be written.
 *
 * @module
 */

import { Fd } from "../../ffi/fd.ts";
import {
  O_APPEND,
  O_CREAT,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { messageOf } from "../errors.ts";

const LOG_FLAGS = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
  O_NOCTTY;
const STANDARD_ERROR = 2;

/**
 * Appends a line to a file; writes it to standard error if that fails.
 *
 * @param path the file; default: standard error
 */
export function writeLine(line: string, path?: string): void {
  if (path === undefined) return complain(line);
  try {
    using log = NonblockingWriter.adopt(Fd.open(path, LOG_FLAGS, 0o600));
    const bytes = new TextEncoder().encode(`${line}\n`);
    if (log.write(bytes) === bytes.length) return;
    complain(line);
  } catch (error) {
    complain(line);
    complain(`cprctl exec: ${messageOf(error)}`);
  }
}

/** Writes a line to standard error, as much as it takes without blocking. */
export function complain(line: string): void {
  try {
    using out = NonblockingWriter.over(STANDARD_ERROR);
    out.write(new TextEncoder().encode(`${line}\n`));
  } catch {
    // Standard error is closed, and the guest is stopped.
  }
}
