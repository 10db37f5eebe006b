import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import {
  namedNodes,
  nodeNames,
} from "../../../lib/update/preflight/block_graph.ts";

const parse = (...words: readonly string[]) =>
  CommandLine.parse("QEMU", ["qemu-system-x86_64", ...words]);

Deno.test("block nodes of both forms, with those inside", () => {
  const nodes = namedNodes(parse(
    ...["-blockdev", "driver=file,node-name=f,filename=/f"],
    ...[
      "-blockdev",
      "qcow2,node-name=q,file=f,backing.driver=raw,backing.node-name=b,backing.file.driver=file,backing.file.filename=/b",
    ],
    ...[
      "-blockdev",
      `{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"/r"},"backing":null}`,
    ],
  ));
  assertEquals(nodeNames(nodes), ["f", "q", "b", "r"]);
  assertEquals(nodes.map(({ driver }) => driver), ["file", "qcow2", "raw"]);
  assertEquals(nodes[1]?.children.get("file"), "f");
  assertEquals(nodes[2]?.children.get("backing"), "");
});
