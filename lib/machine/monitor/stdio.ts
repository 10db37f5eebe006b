/** The human monitor's standard input and output. @module */

import { Fd } from "../../../ffi/fd.ts";
import { NonblockingWriter } from "../../../ffi/nonblocking_writer.ts";
import { poll, POLLIN, pollNow } from "../../../ffi/poll.ts";

/** Time limit of one wait, which is repeated. */
const PATIENCE_MS = 60_000;

/** Longer than any command; QEMU's own limit is 4095 bytes. */
const MAXIMUM_LINE = 64 * 1024;

const NEWLINE = 0x0a;

const STANDARD_OUTPUT = 1;

/**
 * Reads lines of standard input, one byte at a time: unread input stays in the
 * pipe or terminal for the next program, which may take over after any line.
 *
 * @yields undefined for a line that is too long to be a command
 * @throws {OsError} when it cannot be read
 */
export async function* standardInputLines(): AsyncGenerator<
  string | undefined
> {
  const input = Fd.adopt(0);
  const awaited = [{ fd: input.number, events: POLLIN }];
  const byte = new Uint8Array(1);
  let line: number[] = [];
  for (;;) {
    await poll(awaited, PATIENCE_MS);
    while (pollNow(awaited)[0] !== 0) {
      if (input.read(byte) === 0) return;
      if (byte[0] !== NEWLINE) {
        if (line.length <= MAXIMUM_LINE) line.push(byte[0] ?? 0);
        continue;
      }
      const text = line.length > MAXIMUM_LINE
        ? undefined
        : new TextDecoder().decode(Uint8Array.from(line));
      line = [];
      yield text;
    }
  }
}

/** Standard output, which must not block the machine. */
export class StandardOutput {
  readonly #writer = NonblockingWriter.over(STANDARD_OUTPUT);

  /**
   * Writes a text; as much as possible before this returns.
   *
   * @throws {OsError} EPIPE when the reader is gone
   */
  async print(text: string): Promise<void> {
    let rest = new TextEncoder().encode(text);
    for (;;) {
      rest = rest.subarray(this.#writer.write(rest));
      if (rest.length === 0) return;
      await this.#writer.writable(PATIENCE_MS);
    }
  }
}
