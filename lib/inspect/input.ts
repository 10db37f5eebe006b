import { duplicate, Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { O_NOCTTY, O_RDONLY } from "../../ffi/open_flags.ts";
import { CPR_EXEC_STATE } from "../cpr/mod.ts";
import { InspectError } from "./error.ts";

/** Bytes that are to be looked at, in memory or mapped. */
export interface Input extends Disposable {
  /** The path, as it was given. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Gives back what memory the bytes up to an offset take, where it can. */
  passed(offset: number): void;
}

/**
 * Up to here a file is read as a whole: who truncates a mapped file while it
 * is looked at ends this process (SIGBUS), and small files are those that are
 * still being written. Larger ones are mapped, so that guest pages which
 * nobody looks at are not read.
 */
const LARGEST_READ = 64 * 1024 * 1024;
/** What comes through a pipe is kept in memory. */
const LARGEST_PIPE = 1024 * 1024 * 1024;
/** Where a shell leads a pipe. */
const STANDARD_INPUT = 0;

/**
 * Opens a file or FIFO; "-" is standard input. A FIFO is waited for until its
 * writer comes.
 *
 * @throws {InspectError} when it cannot be read
 */
export function openInput(path: string): Input {
  try {
    using file = path === "-"
      ? duplicate(STANDARD_INPUT)
      : Fd.open(path, O_RDONLY | O_NOCTTY);
    return inputOf(file, path);
  } catch (error) {
    throw explained(error, path);
  }
}

/**
 * Opens the CPR state of a process that is about to be, or was just,
 * executed anew.
 *
 * @throws {InspectError} when it has none, or is not ours to look into
 */
export function openCprState(pid: number): Input {
  const path = cprStatePath(pid);
  return openInput(path);
}

function cprStatePath(pid: number): string {
  const folder = `/proc/${pid}/fd`;
  const wanted = `/memfd:${CPR_EXEC_STATE} (deleted)`;
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      if (linkOf(`${folder}/${name}`) === wanted) return `${folder}/${name}`;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new InspectError("no-process", `Cannot find process "${pid}"`);
    }
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new InspectError(
      "no-permission",
      `Cannot look into process "${pid}": permission denied`,
      { remedy: "Run it as the process's user, or as root", cause: error },
    );
  }
  throw new InspectError(
    "no-cpr-state",
    `Cannot find CPR state in process "${pid}": it has one only while a ` +
      "cpr-exec is under way",
    { remedy: "Look while query-migrate says pre-switchover" },
  );
}

/** Undefined for a descriptor that was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function inputOf(file: Fd, name: string): Input {
  const { isFile, size } = file.stat();
  if (!isFile || size <= LARGEST_READ) {
    // Through a descriptor of our own, so from where its owner left it.
    if (isFile) file.seek(0);
    const bytes = file.readAll(LARGEST_PIPE);
    return { name, bytes, passed() {}, [Symbol.dispose]() {} };
  }
  const mapping = Mapping.map(file, {
    length: size,
    shared: true,
    writable: false,
  });
  let released = 0;
  return {
    name,
    bytes: mapping.bytes,
    passed(offset) {
      if (offset > released) released = mapping.release(released, offset);
    },
    [Symbol.dispose]: () => mapping[Symbol.dispose](),
  };
}

function explained(error: unknown, path: string): unknown {
  if (!(error instanceof OsError)) return error;
  if (error.code === "EFBIG") {
    return new InspectError(
      "too-long",
      `Cannot read "${path}": more than ${LARGEST_PIPE} bytes came through ` +
        "the pipe",
      { remedy: "Write the stream to a file and name that", cause: error },
    );
  }
  return new InspectError(
    "unreadable",
    `Cannot read "${path}": ${error.description} (${error.code})`,
    { cause: error },
  );
}
