import { assertEquals } from "@std/assert";
import { inAscii, preferencesOf, widthOf } from "../../lib/cli/process.ts";

const preferences = (variables: Readonly<Record<string, string>>) =>
  preferencesOf((name) => variables[name] ?? "");

Deno.test("colours are for a terminal, for nobody, or also for a pipe", () => {
  const colour = (variables: Readonly<Record<string, string>>) =>
    preferences(variables).colour;
  assertEquals(colour({}), "terminal");
  assertEquals(colour({ CLICOLOR_FORCE: "1" }), "always");
  assertEquals(colour({ CLICOLOR_FORCE: "0" }), "terminal");
  assertEquals(colour({ CLICOLOR_FORCE: "1", NO_COLOR: "1" }), "never");
  assertEquals(colour({ TERM: "dumb" }), "never");
});

Deno.test("a locale that is not UTF-8 is drawn for in ASCII", () => {
  const unicode = (variables: Readonly<Record<string, string>>) =>
    preferences(variables).unicode;
  assertEquals(unicode({}), true);
  assertEquals(unicode({ LANG: "de_DE.UTF-8" }), true);
  assertEquals(unicode({ LANG: "C.utf8" }), true);
  assertEquals(unicode({ LANG: "C.UTF-8", LC_CTYPE: "C" }), false);
  assertEquals(unicode({ LC_ALL: "POSIX", LANG: "C.UTF-8" }), false);
  assertEquals(unicode({ LANG: "C.UTF-8", TERM: "dumb" }), false);
});

Deno.test("a terminal without UTF-8 gets ASCII for what is drawn", () => {
  assertEquals(inAscii("a → b, 2 ×3 …\n"), "a > b, 2 x3 ...\n");
});

Deno.test("a serial console, which has no width, is drawn for as usual", () => {
  assertEquals([0, 20, 60, 300].map(widthOf), [80, 48, 60, 100]);
});
