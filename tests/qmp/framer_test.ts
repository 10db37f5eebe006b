import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Frame, JsonFramer } from "../../lib/qmp/framer.ts";

const LIMITS = { maxBytes: 64, maxDepth: 4 };

function frames(...chunks: readonly (string | Uint8Array)[]): string[] {
  const framer = new JsonFramer(LIMITS);
  return chunks.flatMap((chunk) =>
    framer.push(
      typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk,
    )
  ).map(show);
}

function show(frame: Frame): string {
  return frame.kind === "message"
    ? `${frame.offset} ${new TextDecoder().decode(frame.bytes)}`
    : `${frame.offset} junk: ${frame.problem}`;
}

Deno.test("a message ends where its outermost bracket closes", () => {
  assertEquals(frames(`{"a": 1}\r\n{"b": [{}]}\r\n`), [
    `0 {"a": 1}`,
    `10 {"b": [{}]}`,
  ]);
  assertEquals(frames(`{}{}[] \t{}`), ["0 {}", "2 {}", "4 []", "8 {}"]);
});

Deno.test("a message may span lines and chunks", () => {
  assertEquals(frames(`\n{"a":\n`, `  "x`, ``, `y"`, `\n}{`, `}`), [
    `1 {"a":\n  "xy"\n}`,
    `15 {}`,
  ]);
});

Deno.test("brackets and quotes in a string do not count", () => {
  assertEquals(frames(String.raw`{"a": "}\"}\\"}[]`), [
    String.raw`0 {"a": "}\"}\\"}`,
    "15 []",
  ]);
});

Deno.test("junk is reported once, with its place, and ends at the line feed", () => {
  assertEquals(frames(`{}\nQEMU 11.1 monitor\n{}`), [
    "0 {}",
    `3 junk: "Q" where a message should start`,
    "21 {}",
  ]);
  assertEquals(frames("{", "}} {}\n{}"), [
    "0 {}",
    `2 junk: "}" where a message should start`,
    "7 {}",
  ]);
  assertEquals(frames(new Uint8Array([0xff, 0x0a])), [
    "0 junk: byte 0xff where a message should start",
  ]);
});

Deno.test("a control byte inside a message is junk", () => {
  assertEquals(frames(`{"a\n{}\n`), [
    "3 junk: byte 0x0a inside a string",
    "4 {}",
  ]);
  assertEquals(frames(`{"\\\x00`), ["3 junk: byte 0x00 inside a string"]);
  assertEquals(frames(`{\x00}\n{}`), [
    "1 junk: byte 0x00 inside a message",
    "4 {}",
  ]);
});

Deno.test("nesting is bounded", () => {
  assertEquals(frames("[[[[]]]]"), ["0 [[[[]]]]"]);
  assertEquals(frames("[[[[[]]]]]\n{}"), [
    "4 junk: more than 4 nested brackets",
    "11 {}",
  ]);
});

Deno.test("length is bounded, and what is too long is not kept", () => {
  const fits = `"${"x".repeat(60)}"`;
  assertEquals(frames(`[${fits}]`), [`0 [${fits}]`]);
  const tooLong = "64 junk: a message longer than 64 bytes";
  assertEquals(frames(`[${fits} ]{}`), [tooLong, "65 {}"]);
  assertEquals(
    frames("[", ...Array(1000).fill("1,".repeat(1000)), "]\n{}"),
    [tooLong, "2000003 {}"],
  );
});

Deno.test("the frames do not depend on the chunks", () => {
  const byte = fc.constantFrom(...new TextEncoder().encode(`{}[]"\\ax \r\n\0`));
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 200 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (bytes, sizes) => {
        // Only with room for everything: where a message grows too long
        // is noticed at the end of the chunk.
        const limits = { maxBytes: 1000, maxDepth: 4 };
        const stream = new Uint8Array(bytes);
        const cut = new JsonFramer(limits);
        const inChunks: Frame[] = [];
        for (let start = 0; start < stream.length;) {
          const size = sizes.next().value;
          inChunks.push(...cut.push(stream.subarray(start, start + size)));
          start += size;
        }
        assertEquals(
          inChunks.map(show),
          new JsonFramer(limits).push(stream).map(show),
        );
      },
    ),
  );
});
