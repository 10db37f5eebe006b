/**
 * A folder of the old program's modules, for when their files were replaced on
 * disk. QEMU searches QEMU_MODULE_DIR first, and takes the first file with the
 * right name, even of another build.
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
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import { withRightsOf } from "../../../ffi/file_rights.ts";
import { namesIn } from "../../../ffi/folder.ts";
import type { Credentials } from "../../../ffi/identity.ts";
import { OsError } from "../../../ffi/libc.ts";
import { O_DIRECTORY, O_NONBLOCK, O_RDONLY } from "../../../ffi/open_flags.ts";
import { ifThereSync } from "../../gone.ts";
import { isReplaced, type KeptModule } from "../process/modules.ts";

const FOLDER = "modules";
const VARIABLE = "QEMU_MODULE_DIR";
const MODULE = /\.so$/;
/** QEMU has a few dozen; the VM's user chooses the folder. */
const MAXIMUM_OTHERS = 256;
/** Of all files in those folders. */
const MAXIMUM_NAMES = 16 * 1024;
/** Set explicitly, since the VM's user has to read it despite our umask. */
const MODE = 0o755;

/**
 * Creates the folder.
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
  const folders = new Set(
    modules.map(({ path }) => path.replace(/\/[^/]*$/, "")),
  );
  const others: string[] = [];
  let left = MAXIMUM_NAMES;
  for (const folder of folders) {
    for (const name of namesFor(user, folder)) {
      if (left-- === 0 || others.length === MAXIMUM_OTHERS) return others;
      if (MODULE.test(name)) others.push(name);
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
