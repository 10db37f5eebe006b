/**
 * The modules that a QEMU has loaded: shared objects with devices, displays and
 * block drivers. QEMU loads only modules of its own build. So after a package
 * upgrade, the only usable modules of the running program are those that it has
 * mapped.
 *
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import {
  openForeignFile,
  openForeignFileOnThread,
  openRoot,
} from "../../../ffi/foreign_file.ts";
import type { Credentials } from "../../../ffi/identity.ts";
import { ifPossible, OsError } from "../../../ffi/libc.ts";
import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
} from "../../../ffi/open_flags.ts";
import { isSameIdentity } from "../../proc/file_identity.ts";
import { parseMaps } from "../../proc/maps.ts";
import { answered, UnreadableError } from "../../bounded_file.ts";
import { ifVisible, readProcText } from "../../proc/file.ts";
import { withRightsOf } from "../../../ffi/file_rights.ts";
import { namesIn } from "../../../ffi/folder.ts";
import { ifThereSync } from "../../gone.ts";
import { folderOf } from "../../path.ts";

/** QEMU has fewer; but a process may map anything. */
const MAXIMUM_MODULES = 64;
/** Enough for thousands of mappings. */
const MAXIMUM_MAPS = 4 * 1024 * 1024;

/** A file that a process has mapped as a module. */
export interface MappedModule {
  /** Without its folder, such as "hw-display-qxl.so". */
  readonly name: string;
  /** Its path; another file may be there now. */
  readonly path: string;
  /** In /proc/PID/map_files. */
  readonly range: string;
}

/** A module, and the file that the process has mapped. */
export interface KeptModule {
  readonly name: string;
  readonly path: string;
  readonly file: Fd;
}

/** Names of libraries begin with "lib"; those of QEMU's modules do not. */
const MODULE = /^\/(?:.*\/)?((?!lib)[\w.+-]+\.so)$/;

/** The modules in the text of /proc/PID/maps; the first of each name. */
export function parseModules(maps: string): MappedModule[] {
  const modules = new Map<string, MappedModule>();
  for (const mapping of parseMaps(maps)) {
    const path = mapping.path.replace(/ \(deleted\)$/, "");
    const name = MODULE.exec(path)?.[1];
    if (name === undefined || modules.has(name)) continue;
    const { start, end } = mapping;
    const range = `${start.toString(16)}-${end.toString(16)}`;
    modules.set(name, { name, path, range });
    if (modules.size === MAXIMUM_MODULES) break;
  }
  return [...modules.values()];
}

/**
 * Opens the files of the modules that a process has loaded, even if another
 * file is at the path now. A file that the user may not open is left out: the
 * old program receives these files in a rollback.
 *
 * @param user the user of the process
 */
export async function openModules(
  pid: number,
  user: Credentials,
): Promise<KeptModule[]> {
  using root = ifPossible(() => openRoot(`/proc/${pid}/root`));
  if (root === undefined) return []; // it has ended
  const how = { user, root, followLink: true };
  using stack = new DisposableStack();
  const kept: KeptModule[] = [];
  // Undefined if we may not read them, or they are longer than a VM's.
  const maps = await ifVisible(readProcText(pid, "maps", MAXIMUM_MAPS));
  for (const { name, path, range } of parseModules(maps ?? "")) {
    const file = await openRange(pid, range, user) ??
      // Undefined if it was unmapped, or the user may not read it.
      ifPossible(() => openForeignFile(path, how));
    if (file !== undefined) kept.push({ name, path, file: stack.use(file) });
  }
  stack.move();
  return kept;
}

/** Whether the file at a module's path was replaced or deleted. */
export function isReplaced({ path, file }: KeptModule): boolean {
  using now = ifPossible(() => Fd.open(path, O_PATH));
  return now === undefined || !isSameIdentity(now.stat(), file.stat());
}

/**
 * Opens it on another thread: the process may have locked its address space.
 */
async function openRange(
  pid: number,
  range: string,
  user: Credentials,
): Promise<Fd | undefined> {
  const path = `/proc/${pid}/map_files/${range}`;
  const opening = openForeignFileOnThread(path, user);
  try {
    return await answered(path, opening);
  } catch (error) {
    opening.then((file) => file.close(), () => undefined);
    // It was unmapped, takes too long, or the user may not read it.
    if (error instanceof OsError || error instanceof UnreadableError) return;
    throw error;
  }
}

const FOLDER = "modules";
const VARIABLE = "QEMU_MODULE_DIR";
const MODULE_FILE = /\.so$/;
/** QEMU has a few dozen; the VM's user chooses the folder. */
const MAXIMUM_OTHERS = 256;
/** Of files that are looked at in those folders. */
const MAXIMUM_NAMES = 16 * 1024;
/** Set explicitly, since the VM's user has to read it despite our umask. */
const MODE = 0o755;

/**
 * Creates a folder of the old program's modules, for when their files were
 * replaced on disk. QEMU searches QEMU_MODULE_DIR first, and takes the first file
 * with the right name, even of another build.
 *
 * ```
 * modules/hw-display-qxl.so ──▶ /proc/self/fd/N     the file that was mapped
 * modules/hw-usb-host.so ─────▶ itself              not loaded, of another build
 * ```
 *
 * QEMU aborts if it opens a module of another build and then one more, for
 * example to list all its devices. A link to itself cannot be opened: QEMU
 * prints an error and continues.
 *
 * The files are not copied, since /run may be mounted noexec.
 *
 * @param directory of which only cprctl may write
 * @param modules with the descriptor numbers that the program will inherit
 * @param user the user of the VM, who chose where the modules are
 * @returns the environment variable; undefined if no module was replaced
 */
export function moduleVariables(
  directory: string,
  modules: readonly KeptModule[],
  user: Credentials,
): Readonly<Record<string, string>> | undefined {
  const replaced = modules.filter(isReplaced);
  if (replaced.length === 0) return undefined;
  const folder = `${directory}/${FOLDER}`;
  // From an earlier attempt.
  ifThereSync(() => Deno.removeSync(folder, { recursive: true }));
  Deno.mkdirSync(folder);
  Deno.chmodSync(folder, MODE);
  for (const { name, file } of modules) {
    Deno.symlinkSync(`/proc/self/fd/${file.number}`, `${folder}/${name}`);
  }
  const known = new Set(modules.map(({ name }) => name));
  for (const name of othersBeside(replaced, user)) {
    if (!known.has(name)) Deno.symlinkSync(name, `${folder}/${name}`);
    known.add(name);
  }
  return { [VARIABLE]: folder };
}

/** The other modules in those folders, as far as the user may list them. */
function othersBeside(
  modules: readonly KeptModule[],
  user: Credentials,
): string[] {
  const folders = new Set(modules.map(({ path }) => folderOf(path)));
  const others: string[] = [];
  let left = MAXIMUM_NAMES;
  for (const folder of folders) {
    for (const name of namesFor(user, folder)) {
      if (left-- === 0 || others.length === MAXIMUM_OTHERS) return others;
      if (MODULE_FILE.test(name)) others.push(name);
    }
  }
  return others;
}

/** None if the folder is gone, or the user may not list it. */
function* namesFor(user: Credentials, path: string): Generator<string> {
  const flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
  try {
    using folder = withRightsOf(user, () => Fd.open(path, flags));
    yield* namesIn(folder);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
