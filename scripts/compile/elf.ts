/** The little of ELF that tells what an executable is for. */

import { BuildError } from "./error.ts";
import type { Target } from "./target.ts";

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const MACHINE_OFFSET = 18;

/**
 * Checks that a file is an executable for a target.
 *
 * @param name what to call it in an error
 * @throws {BuildError} naming what it is instead
 */
export async function checkExecutable(
  path: string,
  target: Target,
  name: string = path,
): Promise<void> {
  const start = new Uint8Array(MACHINE_OFFSET + 2);
  using file = await Deno.open(path);
  await file.read(start);
  if (MAGIC.some((byte, at) => start[at] !== byte)) {
    throw new BuildError(`Cannot use "${name}": it is no ELF executable`, {
      remedy: "Name the program itself, no script that starts it",
    });
  }
  const machine = new DataView(start.buffer).getUint16(MACHINE_OFFSET, true);
  if (machine !== target.elfMachine) {
    throw new BuildError(
      `Cannot use "${name}": it is for ELF machine ${machine}, not ` +
        `${target.architecture}`,
      { remedy: `Name one for ${target.triple}` },
    );
  }
}
