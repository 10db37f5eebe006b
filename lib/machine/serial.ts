import { Fd } from "../../ffi/fd.ts";
import { ifPossible, OsError } from "../../ffi/libc.ts";
import {
  O_APPEND,
  O_CREAT,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import type { SerialTarget } from "./options.ts";

const STANDARD_OUTPUT = 1;

/**
 * Opens the output of the serial port. Bytes are written unbuffered, so that
 * none is in this process when another program takes over. Writes do not block:
 * what the reader does not take at once is lost, as in QEMU.
 *
 * @param warn is told the first time that bytes cannot be written at all
 * @throws {OsError} when a file cannot be opened
 */
export function openSerial(
  target: SerialTarget,
  warn: (message: string) => void,
): (byte: number) => void {
  if (target.type === "null") return () => {};
  const out = target.type === "stdio"
    ? NonblockingWriter.over(STANDARD_OUTPUT)
    : NonblockingWriter.adopt(open(target.path, target.append));
  const buffer = new Uint8Array(1);
  let warned = false;
  return (byte) => {
    buffer[0] = byte;
    try {
      out.write(buffer);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (!warned) warn(`serial output is lost: ${error.description}`);
      warned = true;
    }
  };
}

function open(path: string, append: boolean): Fd {
  const flags = O_CREAT | O_NONBLOCK | O_NOCTTY |
    (append ? O_APPEND : O_TRUNC);
  // A FIFO without a reader: open it for reading too, so that it has one.
  return ifPossible(() => Fd.open(path, O_WRONLY | flags), "ENXIO") ??
    Fd.open(path, O_RDWR | flags);
}
