import { duplicate, Fd } from "../../ffi/fd.ts";
import { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } from "../../ffi/open_flags.ts";
import type { SerialTarget } from "./options.ts";

const STANDARD_OUTPUT = 1;

/**
 * Opens what the guest's serial port writes to. Every byte is written at once:
 * none is in this process when another program takes over.
 *
 * @throws {OsError} when a file cannot be opened
 */
export function openSerial(target: SerialTarget): (byte: number) => void {
  if (target.type === "null") return () => {};
  const out = target.type === "stdio" ? duplicate(STANDARD_OUTPUT) : Fd.open(
    target.path,
    O_WRONLY | O_CREAT | (target.append ? O_APPEND : O_TRUNC),
  );
  const buffer = new Uint8Array(1);
  return (byte) => {
    buffer[0] = byte;
    out.writeAll(buffer);
  };
}
