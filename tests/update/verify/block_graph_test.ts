import { assertEquals } from "@std/assert";
import type { Json, JsonObject } from "../../../lib/qmp/mod.ts";
import { blockNodes, drives } from "../../../lib/update/verify/block_graph.ts";
import { differencesBetween } from "../../../lib/update/verify/difference.ts";
import type { Replies } from "../../../lib/update/verify/queries.ts";

function node(
  name: string,
  drv: string,
  children: Readonly<Record<string, string>> = {},
  more: JsonObject = {},
): JsonObject {
  return {
    ...{ "node-name": name, drv, "file": "/a.img", "ro": false },
    "cache": { "writeback": true, "direct": false, "no-flush": false },
    "image": { "virtual-size": 1024, "actual-size": 12 },
    "children": Object.entries(children).map(([child, name]) => ({
      child,
      "node-name": name,
    })),
    ...more,
  };
}

/** A drive with a qcow2 image on a base, as QEMU would number it. */
function graph(number: number, more: JsonObject = {}): Replies {
  const auto = (at: number) => `#block${number + at}`;
  const top = node(auto(0), "qcow2", { file: auto(1), backing: "base" }, more);
  const drive: Json = {
    "device": "disk",
    "qdev": "/machine/peripheral-anon/device[3]",
    "locked": number > 5,
    "tray_open": number > 5,
    "inserted": top,
  };
  return {
    drives: [drive],
    nodes: [
      top,
      node(auto(1), "file"),
      node("base", "raw", { file: auto(2) }),
      node(auto(2), "file"),
      node(auto(3), "null-co"), // nobody's
    ],
  };
}

const differing = (before: Replies, after: Replies) =>
  [drives, blockNodes].flatMap(({ kind, of }) =>
    [...differencesBetween(kind, of(before), of(after))]
      .map(({ name, field }) => `${kind} ${name}: ${field}`)
  );

Deno.test("block nodes have names that last", () => {
  assertEquals([...blockNodes.of(graph(1)).keys()], [
    "disk",
    "disk.file",
    "base",
    "base.file",
  ]);
  assertEquals(
    blockNodes.of(graph(1)).get("disk")?.get("children.file"),
    '"disk.file"',
  );
  assertEquals(drives.of(graph(1)).get("disk")?.get("node-name"), '"disk"');
});

Deno.test("the names that QEMU makes up do not matter", () => {
  assertEquals(differing(graph(1), graph(700)), []);
});

Deno.test("another image, format, depth or option is a difference", () => {
  for (
    const [more, fields] of [
      [{ "file": "/b.img" }, [
        "Drive disk: file",
        "Block node disk: file",
      ]],
      [{ "drv": "raw" }, ["Block node disk: drv"]],
      [{ "ro": true }, ["Block node disk: ro"]],
      [{ "backing_file_depth": 1 }, ["Block node disk: backing_file_depth"]],
      [{ "cache": { "direct": true } }, [
        "Block node disk: cache.direct",
        "Block node disk: cache.no-flush",
      ]],
      [{ "bps": 1 }, ["Drive disk: bps", "Block node disk: bps"]],
      [{ "image": { "virtual-size": 2048 } }, ["Drive disk: virtual-size"]],
      [{ "cache": graph(1), "write_threshold": 1 }, [
        "Block node disk: cache.direct",
        "Block node disk: cache.no-flush",
      ]],
    ] as [JsonObject, string[]][]
  ) {
    assertEquals(differing(graph(1), graph(9, more)), fields);
  }
});

Deno.test("a loop in the block graph ends", () => {
  const names = blockNodes.of({
    drives: [{ "device": "d", "inserted": { "node-name": "#block1" } }],
    nodes: [
      node("#block1", "a", { file: "#block2" }),
      node("#block2", "b", { file: "#block1" }),
    ],
  });
  assertEquals([...names.keys()], ["d", "d.file"]);
});
