import { assert, assertEquals, assertThrows } from "@std/assert";
import { writeLimited } from "../../../lib/cli/terminal/limited.ts";

/** What is written, in pieces. */
function written(texts: Iterable<string>, limit?: number): string[] {
  const pieces: string[] = [];
  writeLimited(texts, limit, (piece) => pieces.push(piece));
  return pieces;
}

Deno.test("many lines are written in few pieces", () => {
  const lines = Array.from({ length: 10_000 }, (_, at) => `line ${at}\n`);
  const pieces = written(lines);
  assertEquals(pieces.join(""), lines.join(""));
  assert(pieces.length < 20, `${pieces.length} pieces`);
});

Deno.test("a limit counts lines, however the texts are divided", () => {
  const more = "… and more (--limit 2)\n";
  assertEquals(written(["a\nb\nc\n"], 2), [`a\nb\n${more}`]);
  assertEquals(written(["a\n", "b\n", "c\n"], 2), [`a\nb\n${more}`]);
  assertEquals(written(["a\nb\n"], 2), ["a\nb\n"]);
});

Deno.test("what precedes an error is written", () => {
  function* broken(): Generator<string> {
    yield "a\n";
    throw new Error("broken");
  }
  const pieces: string[] = [];
  assertThrows(
    () => writeLimited(broken(), undefined, (piece) => pieces.push(piece)),
    Error,
    "broken",
  );
  assertEquals(pieces, ["a\n"]);
});
