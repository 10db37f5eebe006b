import { assertEquals, assertRejects } from "@std/assert";
import {
  anything,
  command,
  CommandFailure,
  flag,
  integer,
  type Json,
  type JsonObject,
  list,
  oneOf,
  optional,
  record,
  text,
  unsigned,
} from "../../lib/qmp/mod.ts";

const everything = command({
  uri: text(),
  size: integer(),
  mode: optional(oneOf("normal", "cpr-exec")),
  words: optional(list(text())),
  channels: optional(list(record({
    type: oneOf("main", "cpr"),
    addr: record({ offset: integer(), on: optional(flag()) }),
  }))),
  value: optional(anything()),
  limit: optional(unsigned()),
}, (args) => ({ ...args }) as JsonObject);

Deno.test("arguments reach the command with their types", async () => {
  const args: JsonObject = {
    uri: "file:x",
    size: 2n ** 63n,
    mode: "cpr-exec",
    words: ["a", ""],
    channels: [{ type: "cpr", addr: { offset: 0, on: false } }],
    value: null,
    limit: 0,
  };
  assertEquals(await everything.run(args), args);
  const fewest: JsonObject = { uri: "", size: -1 };
  assertEquals(await everything.run(fewest), fewest);
});

Deno.test("the types are inferred", async () => {
  const typed = command(
    { name: text(), mode: optional(oneOf("a", "b")), list: list(flag()) },
    (args) => {
      const name: string = args.name;
      const mode: "a" | "b" | undefined = args.mode;
      const list: boolean[] = args.list;
      return [name, mode ?? null, list.length];
    },
  );
  assertEquals(await typed.run({ name: "x", list: [true] }), ["x", null, 1]);
});

Deno.test("a command that returns nothing answers with an empty object", async () => {
  assertEquals(await command({}, () => {}).run({}), {});
});

for (
  const [args, refusal] of [
    [{ size: 1 }, "Parameter 'uri' is missing"],
    [{ uri: 5, size: 1 }, "Invalid parameter type for 'uri', expected: string"],
    [{ uri: null }, "Invalid parameter type for 'uri', expected: string"],
    [
      { uri: "", size: 1.5 },
      "Invalid parameter type for 'size', expected: integer",
    ],
    [
      { uri: "", size: "1" },
      "Invalid parameter type for 'size', expected: integer",
    ],
    [{ uri: "", size: 1, limit: 1.5 }, "Parameter 'limit' expects uint64"],
    [{ uri: "", size: 1, limit: -1 }, "Parameter 'limit' expects uint64"],
    [{ uri: "", size: 1, blk: true }, "Parameter 'blk' is unexpected"],
    [
      { uri: "", size: 1, mode: "bogus" },
      "Parameter 'mode' does not accept value 'bogus'",
    ],
    [
      { uri: "", size: 1, words: "a" },
      "Invalid parameter type for 'words', expected: array",
    ],
    [
      { uri: "", size: 1, words: ["a", 1] },
      "Invalid parameter type for 'words[1]', expected: string",
    ],
    [
      { uri: "", size: 1, channels: [{ type: "main", addr: {} }] },
      "Parameter 'channels[0].addr.offset' is missing",
    ],
    [
      { uri: "", size: 1, channels: [{ type: "main", addr: [] }] },
      "Invalid parameter type for 'channels[0].addr', expected: object",
    ],
    [
      {
        uri: "",
        size: 1,
        channels: [{ type: "main", addr: { offset: 1, on: 1 } }],
      },
      "Invalid parameter type for 'channels[0].addr.on', expected: boolean",
    ],
    [
      {
        uri: "",
        size: 1,
        channels: [{ type: "main", addr: { offset: 1 }, x: 1 }],
      },
      "Parameter 'channels[0].x' is unexpected",
    ],
    [
      { uri: "", size: 1, toString: "" },
      "Parameter 'toString' is unexpected",
    ],
  ] as readonly (readonly [{ [name: string]: Json }, string])[]
) {
  Deno.test(`refused: ${JSON.stringify(args)}`, async () => {
    const error = await assertRejects(
      () => everything.run(args),
      CommandFailure,
    );
    assertEquals(error.message, refusal);
    assertEquals(error.errorClass, "GenericError");
  });
}
