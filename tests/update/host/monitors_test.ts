import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import { monitorSockets } from "../../../lib/update/host/monitors.ts";

function socketsOf(...words: string[]) {
  return monitorSockets(CommandLine.parse("QEMU", ["qemu", ...words]));
}

Deno.test("monitors on a path are found in every form", () => {
  const path = "/run/a.qmp";
  const forms = [
    ["-qmp", `unix:${path},server=on,wait=off`],
    ["-qmp-pretty", `unix:${path},server,nowait`],
    [
      ...["-chardev", `socket,id=m,path=${path},server=on`],
      ...["-mon", "chardev=m,mode=control"],
    ],
    [
      ...["-chardev", `socket,id=m,path=${path},server=on`],
      ...["-qmp", "chardev:m"],
    ],
    [
      ...["-mon", "m,mode=control,pretty=on"],
      ...["-chardev", `{"backend":"socket","id":"m","path":"${path}"}`],
    ],
  ];
  for (const words of forms) assertEquals(socketsOf(...words), [{ path }]);
  assertEquals(socketsOf("-qmp", "unix:/a,,b,server=on"), [{ path: "/a,b" }]);
});

Deno.test("other sockets are no QMP monitors", () => {
  assertEquals(socketsOf("-monitor", "unix:/a,server=on"), []);
  assertEquals(socketsOf("-qmp", "stdio"), []);
  assertEquals(
    socketsOf("-chardev", "socket,id=m,path=/a", "-mon", "chardev=m"),
    [],
  );
  assertEquals(
    socketsOf(
      ...["-chardev", "socket,id=m,path=/a,reconnect-ms=5000"],
      ...["-mon", "chardev=m,mode=control"],
    ),
    [],
  );
  assertEquals(
    socketsOf("-chardev", "pty,id=m", "-mon", "chardev=m,mode=control"),
    [],
  );
});

Deno.test("a socket on a path comes first", () => {
  assertEquals(
    socketsOf(
      ...["-qmp", "tcp:localhost:4444,server=on"],
      ...["-chardev", "socket,id=m,fd=30,server=on"],
      ...["-mon", "chardev=m,mode=control"],
      ...["-qmp", "unix:/b,server=on"],
    ),
    [
      { path: "/b" },
      { other: "tcp:localhost:4444,server=on" },
      { other: "socket,id=m,fd=30,server=on" },
    ],
  );
});
