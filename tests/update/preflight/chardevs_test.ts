import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import { socketClients } from "../../../lib/update/preflight/chardevs.ts";

const parse = (...words: readonly string[]) =>
  CommandLine.parse("QEMU", ["qemu-system-x86_64", ...words]);

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
