import { assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { routes } from "../../lib/cli/routes.ts";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { capturedProcess } from "./captured.ts";

async function outcome(...words: string[]) {
  const process = capturedProcess();
  const code = await dispatch(words, process);
  return { code, ...process.written };
}

Deno.test("no words print the help", async () => {
  const bare = await outcome();
  assertEquals(bare, await outcome("--help"));
  assertEquals(bare.code, 0);
  assertEquals(bare.stderr, "");
  assertStringIncludes(bare.stdout, "EXIT CODES");
});

Deno.test("the help of every command", async (t) => {
  await t.assertSnapshot((await outcome("--help")).stdout);
  for (const { name } of routes.getAllEntries()) {
    // These read their words themselves and have a help of their own.
    if (["exec", "machine"].includes(name.original)) continue;
    const { code, stdout, stderr } = await outcome(name.original, "--help");
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "EXAMPLES");
    await t.assertSnapshot(stdout);
  }
});

Deno.test("help of a command is its --help", async () => {
  assertEquals(
    (await outcome("help", "version")).stdout,
    (await outcome("version", "--help")).stdout,
  );
  assertEquals(await outcome("help"), await outcome("--help"));
});

Deno.test("wrong words end with exit code 2 and a remedy", async (t) => {
  const wrong = [
    ["shcema"],
    ["nothing-like-it"],
    ["constructor"],
    ["version", "--jsno"],
    ["version", "--xyz"],
    ["version", "word"],
    ["help", "nope"],
  ];
  for (const words of wrong) {
    const { code, stdout, stderr } = await outcome(...words);
    assertEquals([code, stdout], [2, ""], words.join(" "));
    await t.assertSnapshot(stderr);
  }
});

Deno.test("version", async () => {
  assertEquals((await outcome("version")).stdout, `cprctl ${VERSION}\n`);
  const { stdout } = await outcome("version", "--json");
  const info = JSON.parse(stdout);
  assertEquals(Object.keys(info), [
    "version",
    "commit",
    "form",
    "deno",
    "target",
  ]);
  assertEquals(info.version, VERSION);
  assertEquals(info.form, "source");
});
