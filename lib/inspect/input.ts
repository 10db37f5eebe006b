import { duplicate, Fd } from "../../ffi/fd.ts";
import { openForeignFile, openForeignMemfd } from "../../ffi/foreign_file.ts";
import { OsError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { O_NOFOLLOW, O_RDWR } from "../../ffi/open_flags.ts";
import { isGone } from "../gone.ts";
import { findDescriptor } from "../proc/descriptors.ts";
import { CPR_EXEC_STATE } from "../cpr/mod.ts";
import { InspectError } from "./error.ts";
import {
  formatOf,
  LARGEST_CPR_STATE,
  MAGIC_SIZE,
  unpackedBy,
} from "./format.ts";
import {
  mayBeSaveImage,
  SAVE_IMAGE_HEADER,
  saveImageOf,
} from "./save_image.ts";

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
const LARGEST_READ = 64 * 1024 * 1024;
/** Bytes of one read from a pipe. */
const PIPE_PIECE = 1024 * 1024;
/** The descriptor of standard input. */
const STANDARD_INPUT = 0;

/**
 * Opens a file or FIFO; "-" is standard input. Waits for the writer of a FIFO;
 * a large input from a pipe is copied to a file without a name.
 *
 * @param options.start number of bytes to skip
 * @throws {InspectError} when it cannot be read, or ends before `start`
 */
export function openInput(
  path: string,
  { start = 0 }: { readonly start?: number | undefined } = {},
): Input {
  try {
    using file = path === "-"
      ? duplicate(STANDARD_INPUT)
      : openForeignFile(path, { followLink: true, orFifo: true });
    const input = inputOf(file, path, start);
    return start === 0 ? streamIn(input) : input;
  } catch (error) {
    throw explained(error, path);
  }
}

/** The stream in a file of virsh save; any other file itself. */
function streamIn(input: Input): Input {
  const image = saveImageOf(input.bytes);
  if (image === undefined) return input;
  const { start, unpacker } = image;
  const { name, bytes } = input;
  try {
    if (unpacker !== undefined) {
      throw new InspectError(
        "packed",
        `Cannot inspect "${name}": it is a file of virsh save, compressed`,
        { remedy: unpackedBy(unpacker, name, start) },
      );
    }
    if (start > bytes.length) throw tooShort(name, start, bytes.length);
    return {
      name,
      bytes: bytes.subarray(start),
      start,
      passed: (offset) => input.passed(start + offset),
      [Symbol.dispose]: () => input[Symbol.dispose](),
    };
  } catch (error) {
    input[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens the CPR state of a process right before or after its exec.
 *
 * @throws {InspectError} when it has none, or may not be examined
 */
export function openCprState(pid: number): Input {
  const number = cprStateOf(pid);
  const name = `process ${pid}`;
  try {
    using file = openForeignMemfd(pid, number);
    // Not mapped: the other process could truncate it.
    return inMemory(name, file.readAll(LARGEST_CPR_STATE));
  } catch (error) {
    throw explained(error, name);
  }
}

function cprStateOf(pid: number): number {
  try {
    const number = findDescriptor(pid, `/memfd:${CPR_EXEC_STATE} (deleted)`);
    if (number !== undefined) return number;
  } catch (error) {
    if (isGone(error)) {
      throw new InspectError("no-process", `Cannot find process "${pid}"`);
    }
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new InspectError(
      "no-permission",
      `Cannot examine process "${pid}": permission denied`,
      { remedy: "Run it as the process's user, or as root" },
    );
  }
  throw new InspectError(
    "no-cpr-state",
    `Cannot find CPR state in process "${pid}": it exists only ` +
      "during a cpr-exec",
    { remedy: "Inspect it while query-migrate reports pre-switchover" },
  );
}

function inputOf(file: Fd, name: string, start: number): Input {
  const { isFile, size } = file.stat();
  if (!isFile) {
    skip(file, name, start);
    return fromPipe(file, name, start);
  }
  if (start > size) throw tooShort(name, start, size);
  if (size > LARGEST_READ) return mapped(file, name, size, start);
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

function tooShort(name: string, start: number, size: number): InspectError {
  return new InspectError(
    "too-short",
    `Cannot read "${name}" from offset ${start} on: it has ${size} bytes`,
  );
}

function inMemory(name: string, bytes: Uint8Array, start = 0): Input {
  return { name, bytes, start, passed() {}, [Symbol.dispose]() {} };
}

/** @param start of the input in the file */
function mapped(
  file: Fd,
  name: string,
  length: number,
  start: number,
  startInFile = start,
): Input {
  const mapping = Mapping.map(file, { length, shared: true, writable: false });
  let released = 0;
  return {
    name,
    bytes: mapping.bytes.subarray(start),
    start: startInFile,
    passed(offset) {
      const end = start + offset;
      if (end > released) released = mapping.release(released, end);
    },
    [Symbol.dispose]: () => mapping[Symbol.dispose](),
  };
}

/** Reads only the first bytes if the format is unknown. */
function fromPipe(file: Fd, name: string, startInFile: number): Input {
  const start = new Uint8Array(LARGEST_READ);
  let begun = fill(file, start.subarray(0, MAGIC_SIZE));
  if (mayBeSaveImage(start)) {
    begun += fill(file, start.subarray(begun, SAVE_IMAGE_HEADER));
  }
  const image = saveImageOf(start);
  const isWanted = formatOf(start) !== undefined ||
    (image !== undefined && image.unpacker === undefined);
  if (!isWanted) return inMemory(name, start.subarray(0, begun), startInFile);
  const length = begun + fill(file, start.subarray(begun));
  return length < start.length
    ? inMemory(name, start.slice(0, length), startInFile)
    : spooled(file, start, name, startInFile);
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

/** Copies the first bytes and the rest of the pipe to a file, and maps it. */
function spooled(
  pipe: Fd,
  start: Uint8Array,
  name: string,
  startInFile: number,
): Input {
  using file = withoutName();
  const keep = (bytes: Uint8Array) => {
    try {
      file.writeAll(bytes);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new InspectError(
        "unkept",
        `Cannot store the input from "${name}": ${error.description}`,
        {
          remedy:
            "Name a folder with room for the stream in TMPDIR, or write " +
            "the stream to a file and name that",
        },
      );
    }
  };
  keep(start);
  const piece = new Uint8Array(PIPE_PIECE);
  for (;;) {
    const count = fill(pipe, piece);
    if (count === 0) break;
    keep(piece.subarray(0, count));
  }
  return mapped(file, name, file.stat().size, 0, startInFile);
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

function explained(error: unknown, name: string): unknown {
  if (!(error instanceof OsError)) return error;
  const why = error.code === "EFBIG"
    ? "it is too large"
    : `${error.description} (${error.code})`;
  return new InspectError("unreadable", `Cannot read "${name}": ${why}`);
}
