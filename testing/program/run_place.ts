/**
 * Whoever imports this has a folder of its own for run directories and locks,
 * unless one is named: tests leave nothing in the host's, and meet nobody there.
 * It goes when the tests of the file are over.
 *
 * @module
 */

import { Base } from "./base.ts";

if (Deno.env.get("RUNTIME_DIRECTORY") === undefined) {
  const base = await Base.make();
  globalThis.addEventListener("unload", () => base[Symbol.dispose]());
}
