/**
 * Assembles the embedded machine's guest, lib/machine/guest/guest.s, and the
 * programs in the tests of its hart.
 *
 * @module
 */

import { assemble } from "./assembler.ts";
import { run } from "../testing/qemu/builds/child.ts";

const REPOSITORY = new URL("../", import.meta.url);
const GUEST = new URL("lib/machine/guest/", REPOSITORY);
const TESTS = new URL("tests/machine/assembled.json", REPOSITORY);

/** Of the tests that assemble what they run. */
const TIMEOUT_MS = 300_000;
const CHARACTERS_A_LINE = 80;

/** The file that holds the guest's image. */
export function guestImage(): string {
  const source = Deno.readTextFileSync(new URL("guest.s", GUEST));
  const lines = assemble(source).toBase64()
    .match(new RegExp(`.{1,${CHARACTERS_A_LINE}}`, "g")) ?? [];
  return "/** Made from guest.s by `deno task assemble`: its bytes in Base64. */\n" +
    `export const IMAGE = \`\n${lines.join("\n")}\n\`;\n`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("image.ts", GUEST), guestImage());
  await Deno.writeTextFile(TESTS, "{}\n");
  await run([
    Deno.execPath(),
    ..."test --allow-all tests/machine/cpu tests/machine/devices".split(" "),
  ], {
    timeoutMs: TIMEOUT_MS,
    cwd: REPOSITORY.pathname,
    env: { CPRCTL_ASSEMBLE: "1" },
  });
}
