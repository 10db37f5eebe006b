import { assertEquals } from "@std/assert";
import { guestImage } from "../../scripts/assemble.ts";
import { assemble, ASSEMBLER } from "../../scripts/assembler.ts";
import { isInstalled } from "../../testing/program/tool.ts";
import { assembledPrograms } from "./assembled.ts";

const ignore = !await isInstalled(ASSEMBLER);

Deno.test("the guest's image is what its source assembles to", {
  ignore,
}, async () => {
  const image = new URL("../../lib/machine/guest/image.ts", import.meta.url);
  assertEquals(await Deno.readTextFile(image), guestImage());
});

Deno.test("the programs of tests are what their sources assemble to", {
  ignore,
}, () => {
  for (const [source, bytes] of Object.entries(assembledPrograms())) {
    assertEquals(assemble(source).toHex(), bytes, source);
  }
});
