/** The bytes to inspect, wherever they come from. @module */

import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { O_NOFOLLOW, O_RDWR } from "../../ffi/open_flags.ts";
import { InspectError } from "./error.ts";
import { MAGIC_SIZE } from "./format.ts";

/** The bytes to inspect, in memory or mapped. */
export interface Input extends Disposable {
  /** The path as given by the user. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Their offset in the file, if not 0. */
  readonly start?: number;
  /** Releases the memory of the bytes up to an offset, if possible. */
  passed(offset: number): void;
}

/**
 * Smaller files are read completely: a mapped file that is truncated during the
 * inspection kills this process (SIGBUS), and a small file may still be
 * written. Larger files are mapped, so that unneeded guest pages are not read.
 */
export const LARGEST_READ = 64 * 1024 * 1024;

/** Bytes in memory. */
export function inMemory(name: string, bytes: Uint8Array, start = 0): Input {
  return { name, bytes, start, passed() {}, [Symbol.dispose]() {} };
}

/**
 * Bytes that are mapped; the mapping is given back with the input.
 *
 * @param start of the input in the mapping
 * @param startInFile of the input in the file
 */
export function mapped(
  mapping: Mapping,
  name: string,
  start = 0,
  startInFile = start,
): Input {
  let released = 0;
  return {
    name,
    bytes: mapping.bytes.subarray(start),
    start: startInFile,
    passed(offset) {
      const end = start + offset;
      // Another pass from the start.
      if (end < released) released = start;
      if (end > released) released = mapping.release(released, end);
    },
    [Symbol.dispose]: () => mapping[Symbol.dispose](),
  };
}

/**
 * The rest of an input.
 *
 * @throws {InspectError} when it ends before
 */
export function restOf(input: Input, offset: number): Input {
  const { name, bytes, start = 0 } = input;
  if (offset > bytes.length) throw tooShort(name, offset, bytes.length);
  return {
    name,
    bytes: bytes.subarray(offset),
    start: start + offset,
    passed: (passed) => input.passed(offset + passed),
    [Symbol.dispose]: () => input[Symbol.dispose](),
  };
}

/** The error for a file that ends before the stream in it. */
export function tooShort(
  name: string,
  start: number,
  size: number,
): InspectError {
  return new InspectError(
    "too-short",
    `Cannot read "${name}" from offset ${start} on: it has ${size} bytes`,
  );
}

/**
 * Takes bytes that come in pieces: in memory, or in a file without a name if
 * there are more than {@linkcode LARGEST_READ}.
 *
 * @param isWanted whether to go on after the first {@linkcode MAGIC_SIZE} bytes
 * @throws {InspectError} when there is no room for them
 */
export async function gathered(
  name: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  isWanted: (magic: Uint8Array) => boolean,
  startInFile = 0,
): Promise<Input> {
  using stack = new DisposableStack();
  const memory = new Uint8Array(LARGEST_READ);
  let file: Fd | undefined;
  let length = 0;
  for await (const piece of pieces) {
    const before = length;
    length += piece.length;
    if (file === undefined && length > memory.length) {
      file = stack.use(withoutName());
      store(file, memory.subarray(0, before), name);
    }
    if (file === undefined) memory.set(piece, before);
    else store(file, piece, name);
    if (before >= MAGIC_SIZE || length < MAGIC_SIZE) continue;
    const magic = memory.slice(0, MAGIC_SIZE);
    if (!isWanted(magic)) return inMemory(name, magic, startInFile);
  }
  if (file === undefined) {
    return inMemory(name, memory.slice(0, length), startInFile);
  }
  const how = { length, shared: true, writable: false };
  return mapped(Mapping.map(file, how), name, 0, startInFile);
}

function store(file: Fd, bytes: Uint8Array, name: string): void {
  try {
    file.writeAll(bytes);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new InspectError(
      "unkept",
      `Cannot store the input from "${name}": ${error.description}`,
      {
        remedy: "Name a folder with room for the stream in TMPDIR, or write " +
          "the stream to a file and name that",
      },
    );
  }
}

/** A file without a name. */
function withoutName(): Fd {
  const path = Deno.makeTempFileSync({ prefix: "cprctl-" });
  try {
    return Fd.open(path, O_RDWR | O_NOFOLLOW);
  } finally {
    Deno.removeSync(path);
  }
}

/** An error of a system call, as the user needs it; any other error itself. */
export function explained(error: unknown, name: string): unknown {
  if (!(error instanceof OsError)) return error;
  const why = error.code === "EFBIG"
    ? "it is too large"
    : `${error.description} (${error.code})`;
  return new InspectError("unreadable", `Cannot read "${name}": ${why}`);
}
