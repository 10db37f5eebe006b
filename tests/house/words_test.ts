import { assertEquals } from "@std/assert";

/**
 * One word for one thing: each of these was another word for it once.
 * CONTRIBUTING.md lists the words to use.
 */

const ROOT = new URL("../../", import.meta.url);
const PLACES = [
  "README.md",
  "deno.json",
  "docs",
  "ffi",
  "lib",
  "main.ts",
  "scripts",
  "testing",
  "tests",
];
/** This list itself, and licences. */
const EXEMPT = ["tests/house/words_test.ts", "scripts/compile/licences"];
/** What a person wrote, rather than data. */
const WRITTEN = /\.(?:ts|md|json|sh|s|snap|service|timer|conf|ya?ml|j2|py)$/;

/** What is no longer said, and what is said instead. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/blackouts?|standstill/, "downtime"],
  [/the cut/, "switchover"],
  [/(?:old|incoming) side/, "source, destination"],
  [/keepers?/, "standby"],
  [/estates?/, "preserved descriptors"],
  [/loans?|lends?|lent|lending|borrow(?:s|ed|er|ing)?/, "hold, duplicate"],
  [/(?:lead|leads|led) on/, "roll forward"],
  [/go back to the old program|vm goes back/, "roll back"],
  [/vm (?:that )?(?:is|was) put back|puts (?:it|\w+ vms?) back/, "roll back"],
  [/whereabouts/, "location"],
  [/aftermath/, "invariants"],
  [/deeds?/, "action"],
  // SVG has an attribute of that name.
  [/strokes?(?![:-])|strikes?|struck/, "inject"],
  [/mend(?:s|ed|ing)?/, "fix"],
];

/** Words that are no longer used, each with its line and what to say. */
function unwanted(text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    // Names are made of words, too.
    const words = line.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
      .replaceAll("_", " ").toLowerCase();
    return WORDS.flatMap(([word, instead]) => {
      const found = words.match(new RegExp(`\\b(?:${word.source})\\b`))?.[0];
      return found === undefined
        ? []
        : [`${index + 1}: "${found}", say ${instead}`];
    });
  });
}

async function* writtenFiles(path: string): AsyncGenerator<string> {
  if (EXEMPT.includes(path)) return;
  if ((await Deno.stat(new URL(path, ROOT))).isFile) {
    if (WRITTEN.test(path)) yield path;
    return;
  }
  for await (const { name } of Deno.readDir(new URL(path, ROOT))) {
    yield* writtenFiles(`${path}/${name}`);
  }
}

Deno.test("one word is used for one thing", async () => {
  const found: string[] = [];
  for (const place of PLACES) {
    for await (const path of writtenFiles(place)) {
      const text = await Deno.readTextFile(new URL(path, ROOT));
      found.push(...unwanted(text).map((each) => `${path}:${each}`));
    }
  }
  assertEquals(found, []);
});

Deno.test("a word that is no longer used is noticed", () => {
  assertEquals(unwanted("The Keeper\nis no timekeeper.\n"), [
    '1: "keeper", say standby',
  ]);
  assertEquals(
    ["const KEEPER_LINE = 1;", "class OldSide {}", "leadOnOrBack()"]
      .map((line) => unwanted(line).length),
    [1, 1, 1],
  );
  assertEquals(
    unwanted("A VM that was put back\nputs the file back\nputs a VM back")
      .map((it) => it.slice(0, 1)),
    ["1", "3"],
  );
  assertEquals(unwanted("after the cut.\nthe cutting; stroke-width: 2"), [
    '1: "the cut", say switchover',
  ]);
});
