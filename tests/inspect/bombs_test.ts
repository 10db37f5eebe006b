import { assert } from "@std/assert";
import { BOMBS } from "../../testing/streams/bombs.ts";

/** Time and memory by the square of it would take far more than these. */
const TIMEOUT_MS = 60_000;
const MOST_MEBIBYTES = 512;

const PROGRAM = new URL("programs/look_into.ts", import.meta.url).pathname;

for (const name of Object.keys(BOMBS)) {
  Deno.test(`a small state takes little: ${name}`, async () => {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["run", "--quiet", "--allow-all", PROGRAM, name],
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
    ).output();
    assert(success, new TextDecoder().decode(stderr));
    const { mebibytes } = JSON.parse(new TextDecoder().decode(stdout));
    assert(mebibytes < MOST_MEBIBYTES, `${mebibytes} MiB`);
  });
}
