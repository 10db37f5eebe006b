import { assertEquals } from "@std/assert";
import { UniqueNames } from "../../lib/inspect/unique_names.ts";

function taken(...names: string[]): string[] {
  const unique = new UniqueNames("#");
  return names.map((name) => unique.take(name));
}

Deno.test("a name that comes again gets the next number", () => {
  assertEquals(taken("x", "y", "x", "x", "y"), ["x", "y", "x#2", "x#3", "y#2"]);
});

Deno.test("a name that looks like a number's is told apart, too", () => {
  assertEquals(taken("x", "x#2", "x", "x", "x#2"), [
    ...["x", "x#2", "x#3", "x#4", "x#2#2"],
  ]);
  assertEquals(taken("x#2", "x", "x"), ["x#2", "x", "x#3"]);
});
