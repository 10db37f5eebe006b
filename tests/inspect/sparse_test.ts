import { assertStringIncludes } from "@std/assert";
import {
  configuration,
  footer,
  HEADER,
  joined,
  section,
} from "../../testing/streams/foreign.ts";
import { withRam } from "../../testing/streams/streams.ts";
import { inFolder } from "./folder.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** To read all of it would take many minutes. */
const SPARSE = 2 ** 40;
const TIMEOUT_MS = 60_000;

/** What is said of a state with a hole of a TiB after it. */
async function saidOf(bytes: Uint8Array, ...options: string[]) {
  let said = "";
  await inFolder(async (folder) => {
    const path = `${folder}/vm.state`;
    await Deno.writeFile(path, bytes);
    await Deno.truncate(path, SPARSE);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", MAIN, "inspect", path, ...options],
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const decoder = new TextDecoder();
    said = decoder.decode(stdout) + decoder.decode(stderr);
  });
  return said;
}

const begin = (id: number) => section(4, id, `dev${id}`, 1, [5]);

Deno.test("the hole after a device without a footer is not searched", async () => {
  const bytes = joined(HEADER, configuration(), begin(7));
  assertStringIncludes(await saidOf(bytes), "its footer is missing");
});

Deno.test("the hole after a stream without vmdesc is not searched", async () => {
  const bytes = joined(HEADER, configuration(), begin(7), footer(7), begin(8));
  assertStringIncludes(await saidOf(bytes), "dev7");
});

Deno.test("the hole after a stream is not read", async () => {
  assertStringIncludes(await saidOf(withRam()), "dev");
  assertStringIncludes(await saidOf(withRam(), "--verify"), "unchanged");
});
