import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { output } from "../../testing/program/tool.ts";
import { VERSION } from "../../lib/version.ts";
import { sourceFiles } from "./source_files.ts";

const ROOT = new URL("../../", import.meta.url);

interface Task {
  readonly command: string;
  readonly description: string;
}

const { version, exports, tasks, imports }: {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, Task>>;
  readonly imports: Readonly<Record<string, string>>;
} = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

Deno.test("the licence is the Apache License 2.0", async () => {
  const licence = await Deno.readTextFile(new URL("LICENSE", ROOT));
  assertStringIncludes(licence, "Apache License");
  assertStringIncludes(licence, "Version 2.0, January 2004");
});

Deno.test("every task says what it does", () => {
  for (const [name, { description }] of Object.entries(tasks)) {
    assert(description?.length > 0, name);
  }
});

/** Runs this Deno at the root of the repository. */
const deno = (...words: readonly string[]) =>
  output([Deno.execPath(), ...words], { cwd: ROOT.pathname });

Deno.test("all that the library exports is documented, and its types too", async () => {
  await deno("doc", "--lint", ...Object.values(exports));
});

Deno.test("the library can be published", async () => {
  await deno("publish", "--dry-run", "--allow-dirty", "--no-check");
});

Deno.test("every package is pinned to one version", () => {
  for (const [name, target] of Object.entries(imports)) {
    assert(/^\.\/|^npm:.+@\d+\.\d+\.\d+$/.test(target), name);
  }
});

Deno.test("there is one version", async () => {
  const galaxy = await Deno.readTextFile(
    new URL("scripts/ansible/galaxy.yml", ROOT),
  );
  assertEquals(version, VERSION);
  assertStringIncludes(galaxy, `\nversion: ${VERSION}\n`);
});

Deno.test("one file knows the library that reads the command line", async () => {
  const found: string[] = [];
  for await (const { path, text } of sourceFiles(["lib", "scripts"])) {
    if (text.includes('from "@stricli/core"')) found.push(path);
  }
  assertEquals(found, ["lib/cli/stricli.ts"]);
});
