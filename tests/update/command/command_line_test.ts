import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import { socketClients } from "../../../lib/update/preflight/arguments/socket_clients.ts";
import { fileUnder } from "../../../lib/update/preflight/drift/image_name.ts";
import {
  namedNodes,
  withNames,
} from "../../../lib/update/preflight/drift/named_nodes.ts";
import { formatOf } from "../../../lib/update/preflight/programs/executable_format.ts";
import { listed, quoted } from "../../../lib/update/preflight/wording.ts";

const parse = (...words: readonly string[]) =>
  CommandLine.parse("QEMU", ["qemu-system-x86_64", ...words]);

Deno.test("the embedded machine's options follow its subcommand", () => {
  const argv = ["deno", "run", "-A", "main.ts", "machine", "-m", "64M"];
  assertEquals(CommandLine.parse("cprctl", argv).texts("m"), ["64M"]);
});

Deno.test("the file under formats and filters", () => {
  for (
    const [name, file] of [
      ["/a.img", "/a.img"],
      ["file:/a.img", "/a.img"],
      ["../a.img", "../a.img"],
      [`json:{"driver":"file","filename":"/a"}`, "/a"],
      [`json:{"offset":1,"file":{"driver":"file","filename":"/a"}}`, "/a"],
      [`json:{"file":{"file":{"filename":"file:/a"}}}`, "/a"],
      ["json:{", undefined],
      ["json:[]", undefined],
      [`json:{"driver":"null-co"}`, undefined],
    ] as const
  ) assertEquals(fileUnder(name), file, name);
  const deep = '{"file":'.repeat(500) + "1" + "}".repeat(500);
  assertEquals(fileUnder(`json:${deep}`), undefined);
});

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
  assertEquals(
    [...withNames(nodes)].map(({ name, driver }) => [name, driver]),
    [
      ["f", "file"],
      ["q", "qcow2"],
      ["b", "raw"],
      ["r", "raw"],
    ],
  );
  assertEquals(nodes[1]?.children.get("file"), "f");
  assertEquals(nodes[2]?.children.get("backing"), "");
});

Deno.test("character devices that connect", () => {
  const clients = socketClients(parse(
    ...[
      "-chardev",
      "socket,id=a,path=/a",
      "-chardev",
      "socket,id=b,path=/b,server=on",
    ],
    ...[
      "-chardev",
      "socket,id=c,host=h,port=1,reconnect=5",
      "-chardev",
      "socket,id=d,fd=7",
    ],
    ...[
      "-serial",
      "mon:unix:/e",
      "-monitor",
      "tcp:h:1,server=on,wait=off",
      "-gdb",
      "tcp::1234",
    ],
    ...[
      "-qmp",
      "unix:/f,server",
      "-serial",
      "null",
      "-parallel",
      "file:/unix:/g",
    ],
  ));
  assertEquals(clients, [
    { name: "a", path: "/a", abstract: false, reconnects: false },
    { name: "c", path: undefined, abstract: false, reconnects: true },
    { name: "mon:unix:/e", path: "/e", abstract: false, reconnects: false },
  ]);
});

Deno.test("what the kernel can execute", () => {
  const elf = Uint8Array.from([
    0x7f,
    0x45,
    0x4c,
    0x46,
    2,
    1,
    1,
    ...Array(11).fill(0),
    62,
    0,
  ]);
  const text = (it: string) => formatOf(new TextEncoder().encode(it));
  assertEquals(formatOf(elf), { kind: "elf", machine: "2-1-62-0" });
  assertEquals(text("#! /bin/sh -e\nx"), {
    kind: "script",
    interpreter: "/bin/sh",
  });
  assertEquals(text("#!/usr/bin/env bash"), {
    kind: "script",
    interpreter: "/usr/bin/env",
  });
  for (const it of ["", "#", "#!", "#!\n/bin/sh", "\x7fEL"]) {
    assertEquals(text(it), { kind: "neither" }, JSON.stringify(it));
  }
});

Deno.test("names are quoted, and cut", () => {
  assertEquals(quoted("x".repeat(300)).length, 203);
  assertEquals(listed(["a", "b"]), `"a", "b"`);
  assertEquals(listed([..."abcdefgh"]), `"a", "b", "c", "d", "e" and 3 more`);
});
