import { assertEquals } from "@std/assert";
import { after } from "./vm.ts";

const cases: readonly [string[], string[]][] = [
  // Files are kept.
  [["-chardev", "file,id=a,path=x"], [
    "-chardev",
    "file,id=a,path=x,append=on",
  ]],
  [["-chardev", "file,id=a,append=off,path=x"], [
    "-chardev",
    "file,id=a,append=on,path=x",
  ]],
  [["-chardev", "pty,id=a,logfile=x,,y"], [
    "-chardev",
    "pty,id=a,logfile=x,,y,logappend=on",
  ]],
  [["-serial", "file:a,b=c d"], [
    ...["-chardev", "file,id=serial0,path=a,,b=c d,append=on"],
    ...["-serial", "chardev:serial0"],
  ]],
  [["-serial", "none", "-usb", "--serial", "file:b", "-serial", "file:c"], [
    ...["-serial", "none", "-usb"],
    ...["-chardev", "file,id=serial1,path=b,append=on"],
    ...["--serial", "chardev:serial1"],
    ...["-chardev", "file,id=serial2,path=c,append=on"],
    ...["-serial", "chardev:serial2"],
  ]],
  [
    ["-parallel", "none", "-parallel", "file:p", "-debugcon", "file:d"],
    [
      ...["-chardev", "file,id=parallel0,path=p,append=on"],
      ...["-parallel", "chardev:parallel0"],
      ...["-chardev", "file,id=debugcon,path=d,append=on"],
      ...["-debugcon", "chardev:debugcon"],
    ].toSpliced(0, 0, "-parallel", "none"),
  ],
  [["-monitor", "file:a", "-qmp", "unix:q,server=on,wait=off"], [
    ...["-chardev", "file,id=file-of-monitor0,path=a,append=on"],
    ...["-monitor", "chardev:file-of-monitor0"],
    ...["-qmp", "unix:q,server=on,wait=off"],
  ]],
  [["-serial", "udp::4555,logfile=x"], ["-serial", "udp::4555,logfile=x"]],
  [["-serial", "tcp:h:1,logfile=x"], [
    "-serial",
    "tcp:h:1,logfile=x,logappend=on",
  ]],
  // Servers wait for nobody.
  [["-qmp", "unix:/a=b,server=on"], ["-qmp", "unix:/a=b,server=on,wait=off"]],
  [["-qmp", "unix:/a,,b,server"], ["-qmp", "unix:/a,,b,server,wait=off"]],
  [["-qmp-pretty", "tcp:[::1]:4,server,wait"], [
    "-qmp-pretty",
    "tcp:[::1]:4,server,wait=off",
  ]],
  [["-serial", "mon:telnet::4444,server=on,wait=on"], [
    "-serial",
    "mon:telnet::4444,server=on,wait=off",
  ]],
  [["-chardev", "socket,id=a,path=p,server=on"], [
    "-chardev",
    "socket,id=a,path=p,server=on,wait=off",
  ]],
  [["-gdb", "unix:g,server=on"], ["-gdb", "unix:g,server=on,wait=off"]],
];
for (const [from, to] of cases) {
  Deno.test(`"${from.join(" ")}" loses nothing and does not wait for a client`, () => {
    assertEquals(after(from), to);
  });
}

const kept: readonly string[][] = [
  ["-qmp", "unix:/a,server,nowait"],
  ["-qmp", "unix:/a,server=on,wait=off"],
  ["-qmp", "stdio"],
  ["-serial", "mon:stdio"],
  ["-serial", "unix:/client,reconnect-ms=100"],
  ["-gdb", "tcp::1234"],
  ["-chardev", "socket,id=a,path=p,server=off"],
  ["-chardev", "socket,id=a,fd=7,server=on,wait=off"],
  ["-chardev", "file,id=a,path=x,append=on"],
  ["-chardev", "ringbuf,id=a"],
  ["-serial", "chardev:a"],
  ["-mon", "chardev=a,mode=control"],
];
for (const words of kept) {
  Deno.test(`"${words.join(" ")}" is kept`, () => {
    assertEquals(after(words), words);
  });
}
