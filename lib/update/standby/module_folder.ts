/**
 * Where a program that was replaced finds its modules again. It looks into the
 * folder that QEMU_MODULE_DIR names before any other, and takes the first file
 * of the right name; one of another build ends the search.
 *
 * ```
 * modules/hw-display-qxl.so ──▶ /proc/self/fd/N     the file that was mapped
 * modules/hw-usb-host.so ─────▶ itself              of another build by now
 * ```
 *
 * A program that opens a module of another build and then one more aborts, as
 * it does where it is asked for all that it knows; a link to itself cannot be
 * opened, which it complains of and goes on.
 *
 * The files are not copied: what is on /run may not be executed everywhere.
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
/** QEMU has a few dozen; a folder of the VM's may have more. */
const MAXIMUM_OTHERS = 256;
/** Of all that is in those folders. */
const MAXIMUM_NAMES = 16 * 1024;
/** The old program reads it as the VM's user, whatever our umask is. */
const MODE = 0o755;

/**
 * Makes the folder, and tells the variable that leads there. Undefined where
 * all modules are still in their own places.
 *
 * @param directory of cprctl alone
 * @param modules open under the numbers that the program will find them at
 * @param user that the VM runs as: where its modules are is its own choice
 */
export function moduleVariables(
  directory: string,
  modules: readonly KeptModule[],
  user: Credentials,
): Readonly<Record<string, string>> | undefined {
  const replaced = modules.filter(isReplaced);
  if (replaced.length === 0) return undefined;
  const folder = `${directory}/${FOLDER}`;
  // Of an attempt before this one.
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

/** What else is in the folders of the modules, as far as the user may look. */
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

/** Nothing of a folder that is gone, or not for the user to read. */
function* namesFor(user: Credentials, path: string): Generator<string> {
  const flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
  try {
    using folder = withRightsOf(user, () => Fd.open(path, flags));
    yield* namesIn(folder);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
