/**
 * Where a program that was replaced finds its modules again. It looks into the
 * folder that QEMU_MODULE_DIR names before any other, and takes the first file
 * of the right name; one of another build ends the search.
 *
 * ```
 * modules/hw-display-qxl.so ──▶ /proc/self/fd/N     the file that was mapped
 * ```
 *
 * The files are not copied: what is on /run may not be executed everywhere.
 *
 * @module
 */

import { isReplaced, type KeptModule } from "../process/modules.ts";

const FOLDER = "modules";
const VARIABLE = "QEMU_MODULE_DIR";
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
  if (!modules.some(isReplaced)) return undefined;
  const folder = `${directory}/${FOLDER}`;
  removeIfThere(folder); // of an attempt before this one
  Deno.mkdirSync(folder);
  Deno.chmodSync(folder, MODE);
  for (const { name, file } of modules) {
    Deno.symlinkSync(`/proc/self/fd/${file.number}`, `${folder}/${name}`);
  }
  return { [VARIABLE]: folder };
}

function removeIfThere(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
