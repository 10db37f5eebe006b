import { assert, assertEquals } from "@std/assert";
import { answersIn, scriptOf } from "../../../lib/update/programs/trial.ts";

const lines = (...values: readonly unknown[]) =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

Deno.test("a program is asked for each type once, and told to quit", () => {
  const script = scriptOf({
    types: ["nvme", "e1000", "nvme", "no type\n", "x".repeat(65)],
    netdevs: false,
  });
  assertEquals(
    script.trim().split("\n").map((line) => JSON.parse(line)),
    [
      { execute: "qmp_capabilities" },
      ...["nvme", "e1000"].map((typename) => ({
        execute: "qom-list-properties",
        id: typename,
        arguments: { typename },
      })),
      { execute: "quit", id: [] },
    ],
  );
});

Deno.test("the questions fit into a pipe, however many types a VM has", () => {
  const types = Array.from(
    { length: 5000 },
    (_, at) => `${at}-`.padEnd(64, "x"),
  );
  assert(scriptOf({ types, netdevs: true }).length < 64 * 1024);
});

Deno.test("answers contain what a program knows, and its error messages", () => {
  const answers = answersIn(lines(
    { QMP: {} },
    { return: {} },
    { id: "nvme", return: [{ name: "serial" }, { name: "drive" }] },
    { id: "qxl", error: { class: "GenericError", desc: "Class not found" } },
    { event: "SHUTDOWN", data: {} },
    { id: [], return: {} },
  ));
  assertEquals(answers.complete, true);
  assertEquals(answers.properties("nvme"), new Set(["serial", "drive"]));
  assertEquals(answers.properties("qxl"), undefined);
  assertEquals(answers.complaint("qxl"), "Class not found");
  assertEquals(answers.netdevOptions("user"), undefined);
});

Deno.test("options of a network backend are read out of the schema", () => {
  const answers = answersIn(lines(
    {
      id: ["netdev_add"],
      return: [
        { "name": "netdev_add", "meta-type": "command", "arg-type": "1" },
        {
          name: "1",
          members: [{ name: "id" }, { name: "type" }],
          variants: [{ case: "user", type: "2" }, { case: "none", type: "0" }],
        },
        { name: "2", members: [{ name: "ipv6" }, { name: "net" }] },
        { name: "0", members: [] },
      ],
    },
  ));
  assertEquals(
    answers.netdevOptions("user"),
    new Set(["id", "type", "ipv6", "net"]),
  );
  assertEquals(answers.netdevOptions("none"), new Set(["id", "type"]));
  assertEquals(answers.netdevOptions("tap"), undefined);
});

Deno.test("a program may print anything", () => {
  const printed = [
    ...["", "Hello", "{", "[]", "null", '{"id": []', '{"id": {}}'],
    ...['{"id": "nvme", "return": {"name": 1}}', '{"id": "x", "error": 3}'],
    '{"id": ["netdev_add"], "return": [null, 3, {"name": "netdev_add"}]}',
  ].join("\n");
  const answers = answersIn(printed);
  assertEquals(answers.complete, false);
  assertEquals(answers.properties("nvme"), new Set());
  assertEquals(answers.netdevOptions("user"), undefined);
});
