/**
 * Files that the kernel makes while they are read, as in /proc. Another user
 * may have a say in how long they are, and in how long they take: a process
 * that unmaps what its own file system backs keeps its address space locked,
 * and with it whoever reads its command line. So everything here has a bound,
 * and a deadline; what is late is left to a thread that ends with this process.
 *
 * @module
 */

import { Fd } from "../ffi/fd.ts";
import { O_RDONLY } from "../ffi/open_flags.ts";
import { CprctlError } from "./errors.ts";

/** The kernel answers at once, or somebody keeps it waiting. */
export const FILE_TIMEOUT_MS = 5_000;

/**
 * A timeout passes in so many turns of this process. On a busy host each comes
 * late, as the kernel's answer does, which is not the process's doing; and an
 * answer that came while this process did something else is taken.
 */
const TURNS = 20;

/** Bytes that are asked for at once. */
const CHUNK_BYTES = 64 * 1024;
/** A line of any file in /proc has a path of 4096 bytes at most. */
const LONGEST_LINE = 16 * 1024;

/** What cannot be read as what it should be. */
export class UnreadableError extends CprctlError {
  override readonly name = "UnreadableError";

  constructor(path: string, why: string) {
    super("unreadable", `Cannot read "${path}": ${why}`, {
      remedy: "Look at the process: it does not behave like a VM",
    });
  }
}

/** The beginning of a file. */
export interface Beginning {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether that is all of it. */
  readonly whole: boolean;
}

/**
 * Reads the first bytes of a file.
 *
 * @throws {UnreadableError} when they do not come in time
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
 * @throws {UnreadableError} when it is longer, or does not come in time
 */
export async function readWhole(
  path: string,
  limit: number,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, whole } = await readBeginning(path, limit, timeoutMs);
  if (whole) return bytes;
  const why = `it has more than ${limit} bytes`;
  throw new UnreadableError(path, why);
}

/** The same, of a file that is text. */
export async function readWholeText(
  path: string,
  limit: number,
  timeoutMs = FILE_TIMEOUT_MS,
): Promise<string> {
  return new TextDecoder().decode(await readWhole(path, limit, timeoutMs));
}

/**
 * Goes through the lines of a table, however many there are. What is too long
 * for a line is passed over.
 *
 * @throws {UnreadableError} when they do not come in time
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
 * Opens a file to be read, also one whose open waits for the process that it is
 * of, as that of /proc/PID/environ does while the process executes a program.
 *
 * @returns undefined where it is not there, or not for us
 * @throws {UnreadableError} when it is not open in time
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

/** What is read of a file, each piece valid until the next one is asked for. */
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
 * What is asked of a file, unless it does not come in time: of one on a file
 * system that hangs, nothing ever does.
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
