/**
 * Reads files that the kernel generates, as in /proc. Another user may
 * influence their length and the time to read them: for example, a process that
 * unmaps a file of its own FUSE file system keeps its address space locked,
 * which blocks readers of its command line. So everything here has a limit and
 * a deadline; a late read is left to a thread that ends with this process.
 *
 * @module
 */

import { Fd } from "../ffi/fd.ts";
import { O_RDONLY } from "../ffi/open_flags.ts";
import { CprctlError } from "./errors.ts";

/** A read that takes longer is blocked by another process. */
export const FILE_TIMEOUT_MS = 5_000;

/**
 * A timeout consists of so many timers. On a busy host each is late, as is the
 * read, so that the timeout is extended; and a result that came while this
 * process was busy still counts.
 */
const TURNS = 20;

/** Bytes of one read. */
const CHUNK_BYTES = 64 * 1024;
/** Larger than any line in /proc, which has a path of at most 4096 bytes. */
const LONGEST_LINE = 16 * 1024;

/** A file cannot be read, or is too long. */
export class UnreadableError extends CprctlError {
  constructor(path: string, why: string) {
    super("unreadable", `Cannot read "${path}": ${why}`, {
      remedy: "Look at the process: it does not behave like a VM",
    });
  }
}

/** The first bytes of a file. */
export interface Beginning {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether this is the whole file. */
  readonly whole: boolean;
}

/**
 * Reads the first bytes of a file.
 *
 * @throws {UnreadableError} when they cannot be read in time
 */
export async function readBeginning(
  path: string,
  limit: number,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<Beginning> {
  return await inTime(path, timeoutMs, async (signal) => {
    let buffer = new Uint8Array(Math.min(CHUNK_BYTES, limit + 1));
    let length = 0;
    for await (const chunk of chunksOf(path, signal)) {
      const taken = chunk.subarray(0, limit + 1 - length);
      if (length + taken.length > buffer.length) {
        const size = Math.max(2 * buffer.length, length + taken.length);
        const larger = new Uint8Array(Math.min(size, limit + 1));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(taken, length);
      length += taken.length;
      if (length > limit) break;
    }
    const whole = length <= limit;
    return { bytes: buffer.slice(0, Math.min(length, limit)), whole };
  });
}

/**
 * Reads a whole file.
 *
 * @throws {UnreadableError} when it is longer, or cannot be read in time
 */
export async function readWhole(
  path: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, whole } = await readBeginning(path, limit);
  if (whole) return bytes;
  const why = `it has more than ${limit} bytes`;
  throw new UnreadableError(path, why);
}

/** The same for a text file. */
export async function readWholeText(
  path: string,
  limit: number,
): Promise<string> {
  return new TextDecoder().decode(await readWhole(path, limit));
}

/**
 * Calls a function for each line of a table of any length. Lines that are too
 * long are skipped.
 *
 * @throws {UnreadableError} when they cannot be read in time
 */
export async function forEachLine(
  path: string,
  look: (line: string) => void,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<void> {
  await inTime(path, timeoutMs, async (signal) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of chunksOf(path, signal)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(
        "\n",
      );
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST_LINE) rest = rest.slice(0, LONGEST_LINE);
      lines.forEach(look);
    }
    if (rest !== "") look(rest);
  });
}

/**
 * Opens a file for reading, even if the open waits for a process, as that of
 * /proc/PID/environ does while the process executes a program.
 *
 * @returns undefined if it does not exist, or may not be read
 * @throws {UnreadableError} when it cannot be opened in time
 */
export async function openInTime(
  path: string,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<Fd | undefined> {
  const opening = Fd.openOnThread(path, O_RDONLY);
  try {
    return await answered(path, opening, timeoutMs);
  } catch (error) {
    opening.then((file) => file?.close(), () => undefined);
    throw error;
  }
}

/** The bytes of a file; each piece is valid until the next one. */
async function* chunksOf(path: string, signal: AbortSignal) {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null || signal.aborted) return;
    yield buffer.subarray(0, count);
  }
}

async function inTime<Result>(
  path: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const giveUp = new AbortController();
  try {
    return await answered(path, work(giveUp.signal), timeoutMs);
  } finally {
    giveUp.abort();
  }
}

/**
 * The result of an operation on a file, within a time limit: a file system may
 * hang.
 *
 * @throws {UnreadableError}
 */
export async function answered<Result>(
  path: string,
  answer: Promise<Result>,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const why = `it cannot be read within ${timeoutMs} ms`;
  let left = TURNS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    if (left-- === 0) reject(new UnreadableError(path, why));
    else timer = setTimeout(wait, timeoutMs / TURNS);
  };
  wait();
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
