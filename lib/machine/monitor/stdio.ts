/** The human monitor's standard input and output. @module */

import { Fd } from "../../../ffi/fd.ts";
import { NonblockingWriter } from "../../../ffi/nonblocking_writer.ts";
import { poll, POLLIN, pollNow } from "../../../ffi/poll.ts";
import { LineEditor } from "./line_editor.ts";

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
  let line: number[] = [];
  for await (const byte of standardInputBytes()) {
    if (byte !== NEWLINE) {
      if (line.length <= MAXIMUM_LINE) line.push(byte);
      continue;
    }
    const text = line.length > MAXIMUM_LINE
      ? undefined
      : new TextDecoder().decode(Uint8Array.from(line));
    line = [];
    yield text;
  }
}

async function* standardInputBytes(): AsyncGenerator<number> {
  const input = Fd.adopt(0);
  const awaited = [{ fd: input.number, events: POLLIN }];
  const byte = new Uint8Array(1);
  for (;;) {
    await poll(awaited, PATIENCE_MS);
    while (pollNow(awaited)[0] !== 0) {
      if (input.read(byte) === 0) return;
      yield byte[0] ?? 0;
    }
  }
}

/** The terminal of standard input, whose echo is the line editor's. */
export class InputTerminal {
  #isRaw = false;

  /** Undefined if standard input is not a terminal. */
  static open(): InputTerminal | undefined {
    if (!Deno.stdin.isTerminal()) return undefined;
    const terminal = new InputTerminal();
    terminal.#setRaw(true);
    return terminal;
  }

  /**
   * Reads lines with cursor keys and history.
   *
   * @throws {OsError} when it cannot be read
   */
  async *lines(prompt: string, out: StandardOutput): AsyncGenerator<string> {
    const editor = new LineEditor(prompt, columnsOfTerminal);
    const decoder = new TextDecoder();
    for await (const byte of standardInputBytes()) {
      const text = decoder.decode(Uint8Array.of(byte), { stream: true });
      for (const character of text) {
        const { echo, line, ends } = editor.take(character);
        await out.print(echo);
        if (ends) return this.restore();
        if (line === undefined) continue;
        yield line;
        // An exec that failed had restored it.
        this.#setRaw(true);
      }
    }
  }

  #setRaw(isRaw: boolean): void {
    if (isRaw === this.#isRaw) return;
    // Control-C still interrupts.
    Deno.stdin.setRaw(isRaw, { cbreak: isRaw });
    this.#isRaw = isRaw;
  }

  /** Restores the mode that the shell had left, for what takes over. */
  restore(): void {
    this.#setRaw(false);
  }
}

const USUAL_COLUMNS = 80;

/** Standard output may be elsewhere, and a terminal may have no size. */
function columnsOfTerminal(): number {
  const isKnown = Deno.stdout.isTerminal();
  return isKnown ? Deno.consoleSize().columns || USUAL_COLUMNS : USUAL_COLUMNS;
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
