/**
 * Opens a state file, and finds the stream in what may contain one:
 *
 * ```
 * FILE ─▶ [gzip, zstd] ─▶ [virsh save] ─▶ [gzip, zstd] ─▶ stream
 *      ─▶ qcow2, snapshot ─▶ stream
 * ```
 *
 * @module
 */

import { duplicate, type Fd } from "../../ffi/fd.ts";
import { openForeignFile } from "../../ffi/foreign_file.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { decompressed } from "./decompress.ts";
import { InspectError } from "./error.ts";
import { compressionOf, formatOf, isQcow2, MAGIC_SIZE } from "./format.ts";
import {
  explained,
  gathered,
  inMemory,
  type Input,
  LARGEST_READ,
  mapped,
  restOf,
  tooShort,
} from "./input.ts";
import { openSnapshot } from "./qcow2.ts";
import { mayBeSaveImage, streamOfSaveImage } from "./save_image.ts";

/** Bytes of one read from a pipe. */
const PIPE_PIECE = 1024 * 1024;
/** The descriptor of standard input. */
const STANDARD_INPUT = 0;
/** More layers would be made to have no end. */
const MOST_LAYERS = 3;

/** Where in a file the stream is. */
export interface InputOptions {
  /** Number of bytes to skip. */
  readonly start?: number | undefined;
  /** Name or id of a snapshot in a qcow2 image. */
  readonly snapshot?: string | undefined;
}

/**
 * Opens a file or FIFO; "-" is standard input. Waits for the writer of a FIFO;
 * a large input from a pipe, and a compressed one, is copied to a file without
 * a name.
 *
 * @throws {InspectError} when it cannot be read, or ends before `start`
 */
export async function openInput(
  path: string,
  { start = 0, snapshot }: InputOptions = {},
): Promise<Input> {
  try {
    using file = path === "-"
      ? duplicate(STANDARD_INPUT)
      : openForeignFile(path, { followLink: true, orFifo: true });
    const { isFile } = file.stat();
    if (isFile && start === 0 && isQcow2(firstBytes(file))) {
      return openSnapshot(file, path, snapshot);
    }
    if (snapshot !== undefined) {
      throw new InspectError(
        "no-snapshot",
        `Cannot find snapshots in "${path}": it is not a qcow2 image`,
      );
    }
    return await streamIn(await inputOf(file, path, start));
  } catch (error) {
    throw explained(error, path);
  }
}

function firstBytes(file: Fd): Uint8Array {
  const bytes = new Uint8Array(MAGIC_SIZE);
  return bytes.subarray(0, file.pread(bytes, 0));
}

/** The stream in a file that contains one; any other file itself. */
async function streamIn(input: Input, layers = MOST_LAYERS): Promise<Input> {
  if (layers === 0) return input;
  using undo = new DisposableStack();
  undo.use(input);
  const { name, bytes, start } = input;
  const offset = streamOfSaveImage(bytes);
  const compression = compressionOf(bytes);
  let inner: Input;
  if (offset !== undefined) inner = restOf(input, offset);
  else if (compression?.format !== undefined) {
    const { format } = compression;
    const pieces = decompressed(bytes, { ...compression, format }, {
      name,
      start,
    });
    inner = await gathered(name, pieces, mayContain);
    input[Symbol.dispose]();
  } else inner = input;
  undo.move();
  return inner === input ? input : await streamIn(inner, layers - 1);
}

/** Whether the first bytes are of a format that has a stream in it. */
function mayContain(magic: Uint8Array): boolean {
  return formatOf(magic) !== undefined || mayBeSaveImage(magic) ||
    compressionOf(magic)?.format !== undefined;
}

async function inputOf(file: Fd, name: string, start: number): Promise<Input> {
  const { isFile, size } = file.stat();
  if (!isFile) {
    skip(file, name, start);
    return await gathered(name, piecesOf(file), mayContain, start);
  }
  if (start > size) throw tooShort(name, start, size);
  if (size > LARGEST_READ) {
    const how = { length: size, shared: true, writable: false };
    return mapped(Mapping.map(file, how), name, start);
  }
  // The file position is shared with its owner.
  file.seek(0);
  const bytes = file.readAll(2 * LARGEST_READ);
  return inMemory(name, bytes.subarray(start), start);
}

/** Skips the first bytes of a pipe. */
function skip(pipe: Fd, name: string, count: number): void {
  const piece = new Uint8Array(Math.min(count, PIPE_PIECE));
  for (let done = 0; done < count;) {
    const read = fill(pipe, piece.subarray(0, count - done));
    if (read === 0) throw tooShort(name, count, done);
    done += read;
  }
}

/** What comes through a pipe: first only what tells the format. */
function* piecesOf(pipe: Fd): Generator<Uint8Array> {
  const piece = new Uint8Array(PIPE_PIECE);
  for (let size = MAGIC_SIZE;; size = PIPE_PIECE) {
    const length = fill(pipe, piece.subarray(0, size));
    if (length === 0) break;
    yield piece.subarray(0, length);
  }
}

/** Reads until the buffer is full, or at EOF; returns the number of bytes. */
function fill(file: Fd, into: Uint8Array): number {
  let length = 0;
  while (length < into.length) {
    const count = file.read(into.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return length;
}
