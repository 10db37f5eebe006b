import type { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import type { Received, UnixSocket } from "../../../ffi/socket.ts";

const CHUNK = 64 * 1024;
/** Longer than any request. */
const MAXIMUM_LINE = 1024 * 1024;

/** A line, and the descriptors that came with it. */
export interface Line {
  readonly line: string;
  readonly descriptors: readonly Fd[];
}

/**
 * The lines from a socket, until the peer closes it. The peer sends descriptors
 * with the first byte of a line, and the kernel never merges bytes that carry
 * descriptors with earlier ones: so they belong to that line.
 */
export async function* lines(
  socket: UnixSocket,
  timeoutMs: number,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let text = "";
  let descriptors: Fd[] = [];
  for (;;) {
    const received = await receive(socket, timeoutMs);
    if (received === undefined) return;
    descriptors.push(...received.descriptors);
    text += decoder.decode(received.bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield { line: text.slice(0, end), descriptors };
      descriptors = [];
      text = text.slice(end + 1);
    }
    if (text.length > MAXIMUM_LINE) throw new Error("Line is too long");
  }
}

/** Sends an object as a line, with descriptors that belong to it. */
export async function sendLine(
  socket: UnixSocket,
  message: unknown,
  descriptors: readonly Fd[],
  timeoutMs: number,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  const numbers = descriptors.map(({ number }) => number);
  await socket.send(bytes, timeoutMs, numbers);
}

/** Undefined at EOF; a killed sender shows up as ECONNRESET. */
async function receive(
  socket: UnixSocket,
  timeoutMs: number,
): Promise<Received | undefined> {
  try {
    const received = await socket.receiveWithDescriptors(CHUNK, timeoutMs);
    return received.bytes.length === 0 ? undefined : received;
  } catch (error) {
    if (error instanceof OsError && error.code === "ECONNRESET") return;
    throw error;
  }
}
