import { assert, assertEquals } from "@std/assert";

/**
 * What `cprctl exec` loads, within a guest's downtime: files of this repository
 * alone. A package or a node: module would cost more than the wrapper itself.
 */

const ROOT = new URL("../../", import.meta.url);
/** Loaded one after the other; each imports the next when it is needed. */
const STEPS = ["main.ts", "lib/cli/dispatch.ts", "lib/cpr/exec_wrapper.ts"];

/** Every specifier that the files import at once, and what those import. */
async function specifiers(steps: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const todo = steps.map((path) => new URL(path, ROOT).href);
  for (let href = todo.pop(); href !== undefined; href = todo.pop()) {
    if (found.has(href)) continue;
    found.add(href);
    if (!href.startsWith("file:")) continue;
    const text = await Deno.readTextFile(new URL(href));
    const imports = /^(?:import|export)\s(?!type\b)[^;]*?\bfrom\s*"([^"]+)"/gm;
    for (const [, specifier = ""] of text.matchAll(imports)) {
      todo.push(
        specifier.startsWith(".") ? new URL(specifier, href).href : specifier,
      );
    }
  }
  return found;
}

Deno.test("cprctl exec loads files of its own alone", async () => {
  const found = await specifiers(STEPS);
  assert(found.size > STEPS.length);
  assertEquals([...found].filter((each) => !each.startsWith("file:")), []);
});

Deno.test("a package on the way is noticed", async () => {
  const found = await specifiers(["lib/cli/run.ts"]);
  assert(found.has("@stricli/core"));
});
