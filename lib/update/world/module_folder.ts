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

import { isReplaced, type KeptModule } from "../process/modules.ts";

const FOLDER = "modules";
const VARIABLE = "QEMU_MODULE_DIR";
const MODULE = /\.so$/;
/** QEMU has a few dozen; a folder of the VM's may have more. */
const MAXIMUM_OTHERS = 256;
/** The old program reads it as the VM's user, whatever our umask is. */
const MODE = 0o755;

/**
 * Makes the folder, and tells the variable that leads there. Undefined where
 * all modules are still in their own places.
 *
 * @param directory of cprctl alone
 * @param modules open under the numbers that the program will find them at
 */
export function moduleVariables(
  directory: string,
  modules: readonly KeptModule[],
): Readonly<Record<string, string>> | undefined {
  const replaced = modules.filter(isReplaced);
  if (replaced.length === 0) return undefined;
  const folder = `${directory}/${FOLDER}`;
  removeIfThere(folder); // of an attempt before this one
  Deno.mkdirSync(folder);
  Deno.chmodSync(folder, MODE);
  for (const { name, file } of modules) {
    Deno.symlinkSync(`/proc/self/fd/${file.number}`, `${folder}/${name}`);
  }
  const known = new Set(modules.map(({ name }) => name));
  for (const name of othersBeside(replaced)) {
    if (!known.has(name)) Deno.symlinkSync(name, `${folder}/${name}`);
    known.add(name);
  }
  return { [VARIABLE]: folder };
}

/** What else is in the folders of the modules. */
function othersBeside(modules: readonly KeptModule[]): string[] {
  const folders = new Set(
    modules.map(({ path }) => path.replace(/\/[^/]*$/, "")),
  );
  return [...folders].flatMap(modulesIn).slice(0, MAXIMUM_OTHERS);
}

function modulesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => MODULE.test(name));
  } catch (error) {
    const none = [
      Deno.errors.NotFound,
      Deno.errors.NotADirectory,
      Deno.errors.PermissionDenied,
    ];
    if (none.some((it) => error instanceof it)) return [];
    throw error;
  }
}

function removeIfThere(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
