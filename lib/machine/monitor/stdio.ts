import { Fd } from "../../../ffi/fd.ts";
import { poll, POLLIN, pollNow } from "../../../ffi/poll.ts";

/** Waits again after this long; nothing is lost by it. */
const PATIENCE_MS = 60_000;

/** Longer than any command; what comes without a line's end is no command. */
const MAXIMUM_LINE = 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Lines of standard input, one byte at a time: what was not asked for stays in
 * the pipe or terminal for the next program, which may take over at any line.
 */
export async function* standardInputLines(): AsyncGenerator<string> {
  const input = Fd.adopt(0);
  const byte = new Uint8Array(1);
  let line: number[] = [];
  for (;;) {
    await readable(input);
    while (pollNow([{ fd: input.number, events: POLLIN }])[0] !== 0) {
      if (input.read(byte) === 0) return;
      if (byte[0] !== NEWLINE) line.push(byte[0] ?? 0);
      if (line.length > MAXIMUM_LINE) return;
      if (byte[0] !== NEWLINE) continue;
      const text = new TextDecoder().decode(Uint8Array.from(line));
      line = [];
      yield text;
    }
  }
}

async function readable(input: Fd): Promise<void> {
  for (;;) {
    const [ready] = await poll(
      [{ fd: input.number, events: POLLIN }],
      PATIENCE_MS,
    );
    if (ready !== 0) return;
  }
}
