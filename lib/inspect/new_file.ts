/**
 * New files that get their names at the end, so that nothing looks whole if the
 * process is killed, for example by SIGBUS when its mapped stream is truncated:
 * at most files NAME.part are left, where files cannot be without a name.
 *
 * @module
 */

import { Fd } from "../../ffi/fd.ts";
import { OsError, osError } from "../../ffi/libc.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TMPFILE,
} from "../../ffi/open_flags.ts";
import { ifThereSync } from "../gone.ts";
import { InspectError } from "./error.ts";

/** Guest memory and state are private. */
const FILE_MODE = 0o600;
const NEW_FILE = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/** A file without its name. */
export interface NewFile {
  readonly file: Fd;
  /** Gives it its name. */
  publish(): void;
}

/**
 * Creates a file without its name, if the file system can; else undefined.
 *
 * @param stack closes it
 * @throws {InspectError} when there is a file with this name
 */
export function namelessFile(
  path: string,
  stack: DisposableStack,
): NewFile | undefined {
  refuseExisting(path);
  const folder = path.includes("/")
    ? path.slice(0, path.lastIndexOf("/") + 1)
    : ".";
  const file = explaining(folder, () => createNameless(folder));
  if (file === undefined) return undefined;
  stack.use(file);
  return { file, publish: () => explaining(path, () => file.link(path)) };
}

/**
 * Creates a file with another name for the time being.
 *
 * @param stack closes it
 * @param undo removes it unless it was published
 * @throws {InspectError} when there is a file with one of the names
 */
export function partialFile(
  path: string,
  part: string,
  { stack, undo }: { stack: DisposableStack; undo: DisposableStack },
): NewFile {
  refuseExisting(path);
  const file = explaining(part, () => Fd.open(part, NEW_FILE, FILE_MODE));
  undo.defer(() => ifThereSync(() => Deno.removeSync(part)));
  stack.use(file);
  return {
    file,
    publish() {
      refuseExisting(path);
      explaining(path, () => Deno.renameSync(part, path));
    },
  };
}

function refuseExisting(path: string): void {
  explaining(path, () => {
    const found = ifThereSync(() => Deno.lstatSync(path));
    if (found !== undefined) throw osError("EEXIST", "open", path);
  });
}

/** Undefined if the file system does not support O_TMPFILE. */
function createNameless(folder: string): Fd | undefined {
  try {
    return Fd.open(folder, O_TMPFILE | O_RDWR, FILE_MODE);
  } catch (error) {
    const unknown = ["EOPNOTSUPP", "EISDIR", "ENOENT", "EINVAL"];
    if (error instanceof OsError && unknown.includes(error.code)) return;
    throw error;
  }
}

/** Does what may fail with a file, and says which one it was. */
export function explaining<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new InspectError(
      "unwritable",
      `Cannot write "${path}": ${error.description} (${error.code})`,
      error.code === "EEXIST"
        ? { remedy: "Give another name: no file is replaced" }
        : {},
    );
  }
}
