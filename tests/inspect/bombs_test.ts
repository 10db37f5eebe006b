import { assert } from "@std/assert";
import { BOMBS } from "../../testing/streams/bombs.ts";
import { inFolder } from "./folder.ts";

/** Time by the square of it would take far more. */
const TIMEOUT_MS = 60_000;
const MOST_MEMORY = 256 * 1024 ** 2;

const PROGRAM = new URL("programs/look_into.ts", import.meta.url).pathname;
/** So that garbage is not taken for memory in use. */
const V8_FLAGS = "--v8-flags=--expose-gc,--max-semi-space-size=4";

for (const name of Object.keys(BOMBS)) {
  Deno.test(`a small state takes little: ${name}`, () =>
    inFolder(async (folder) => {
      const { success, stdout, stderr } = await new Deno.Command(
        Deno.execPath(),
        {
          args: ["run", "-q", "--allow-all", V8_FLAGS, PROGRAM, name, folder],
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
      ).output();
      assert(success, new TextDecoder().decode(stderr));
      const { memory } = JSON.parse(new TextDecoder().decode(stdout));
      assert(memory < MOST_MEMORY, `${memory} bytes`);
    }));
}
