import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  newCommand,
  oldCommand,
} from "../../../lib/update/command/new_command.ts";
import { RefusedError } from "../../../lib/update/error.ts";
import { factsOf, MACHINE, NOTHING_LIVE, OLD_BINARY, WAITING } from "./vm.ts";

const NEW_BINARY = "/opt/qemu/bin/qemu-system-x86_64";

Deno.test("arguments without a rule are kept unchanged", () => {
  const words = [
    "--machine",
    `${MACHINE},accel=tcg`,
    "-name",
    "guest=my vm,,1,debug-threads=on",
    "-device",
    '{ "driver":"virtio-rng-pci" , "id":"it\'s" }',
    "-append",
    'a "b"  c=\\d\n',
    "disk.img",
  ];
  assertEquals(newCommand(factsOf(words), NOTHING_LIVE, NEW_BINARY).argv, [
    NEW_BINARY,
    ...words,
    ...WAITING,
  ]);
});

Deno.test("every change is reported with its reason", async (t) => {
  const words = [
    ...["-M", "q35", "-daemonize", "-S"],
    ...["-chardev", "file,id=a,path=/my logs/a"],
  ];
  const { changes } = newCommand(factsOf(words), NOTHING_LIVE, NEW_BINARY);
  await t.assertSnapshot(changes);
});

Deno.test("the new program is the one at the old path", () => {
  for (const name of ["qemu-system-x86_64", "./qemu", OLD_BINARY]) {
    const facts = factsOf([], { argv: [name] });
    assertEquals(newCommand(facts, NOTHING_LIVE).argv[0], OLD_BINARY);
  }
});

Deno.test("the embedded machine is a subcommand of its program", () => {
  const runtime = ["/usr/bin/deno", "run", "-A", "main.ts", "machine"];
  const facts = factsOf([], {
    argv: [...runtime, "-nodefaults"],
    program: "cprctl",
    machine: "virt",
  });
  const options = ["-nodefaults", "-machine", "virt", ...WAITING];
  assertEquals(newCommand(facts, NOTHING_LIVE).argv, [...runtime, ...options]);
  assertEquals(newCommand(facts, NOTHING_LIVE, "/bin/cprctl").argv, [
    "/bin/cprctl",
    "machine",
    ...options,
  ]);
});

Deno.test("a command line that cannot be read is refused", () => {
  for (const words of [["-runas", "me"], ["-m"], ["-object", "a,=b"]]) {
    assertThrows(
      () => newCommand(factsOf(words), NOTHING_LIVE),
      RefusedError,
      "Cannot read the VM's command line",
    );
  }
});

Deno.test("descriptors named by arguments are found", () => {
  const words = [
    ...["-netdev", "tap,id=a,fd=11,vhostfd=12"],
    ...["-netdev", '{"type":"tap","id":"b","fds":"15:14","vhostfds":"13"}'],
    ...["-netdev", "stream,id=c,addr.type=fd,addr.str=20"],
    ...["-netdev", "stream,id=d,addr.type=unix,addr.path=/21"],
    ...["-chardev", "socket,id=e,fd=11"],
    ...["-chardev", "socket,id=f,fd=named"],
    ...["-device", "vfio-pci,fd=30"],
  ];
  assertEquals(
    newCommand(factsOf(words), NOTHING_LIVE).descriptors,
    [11, 12, 13, 14, 15, 20, 30],
  );
});

/** Arguments that a rule is about, and some that none is. */
const ARGUMENTS: readonly (readonly string[])[] = [
  ["-S"],
  ["-incoming", "file:/run/vm state"],
  ["-incoming", "defer"],
  ["-daemonize"],
  ["-pidfile", "/run/vm.pid"],
  ["-M", "q35,accel=tcg"],
  ["-machine", "accel=kvm,type=pc"],
  ["-object", "memory-backend-memfd,id=ram0,size=1G,prealloc=on"],
  ["-object", "memory-backend-memfd,id=ram1,size=1G,hugetlb=on,prealloc=on"],
  ["-mem-prealloc"],
  ["-netdev", "tap,id=net0,ifname=vm0,script=no"],
  ["-netdev", "tap,id=net1,fd=9"],
  ["-serial", "file:a,b"],
  ["-serial", "none"],
  ["-parallel", "file:p"],
  ["-debugcon", "file:d"],
  ["-monitor", "file:m"],
  ["-monitor", "unix:/run/m,server"],
  ["-qmp", "tcp:localhost:4444,server=on,logfile=l"],
  ["-chardev", "socket,id=s,path=/run/s,server=on,logfile=l"],
  ["-chardev", "file,id=f,path=f"],
  ["-run-with", "user=nobody,chroot=/x,async-teardown=on"],
  ["-loadvm", "snap"],
  ["-D", "/var/log/q"],
  ["-nodefaults"],
  ["disk.img"],
];

const live = {
  ...NOTHING_LIVE,
  taps: [{ descriptor: 11, interface: "vm0", closesOnExec: false }],
  hugePageMounts: ["/dev/hugepages"],
};

Deno.test("a second update changes nothing but the program", () => {
  fc.assert(fc.property(
    fc.shuffledSubarray([...ARGUMENTS]),
    (chosen) => {
      const first = newCommand(factsOf(chosen.flat()), live, NEW_BINARY);
      const again = factsOf([], { argv: first.argv });
      const second = newCommand(again, live, NEW_BINARY);
      assertEquals(second.argv, first.argv);
      assertEquals(
        second.changes.map(({ from, to }) => [from, to]),
        [["-S", null], ["-incoming defer", null], [null, WAITING.join(" ")]],
      );
      assert(second.problems.every(({ verdict }) => verdict === "warn"));
    },
  ));
});

/** The options that the old program is started with in a rollback. */
function oldOptions(...words: readonly string[]): readonly string[] {
  const machine = ["-machine", MACHINE];
  const argv = oldCommand(factsOf([...machine, ...words]), NOTHING_LIVE);
  assertEquals(argv.slice(0, 3), [OLD_BINARY, ...machine]);
  assertEquals(argv.slice(-WAITING.length), WAITING);
  return argv.slice(3, -WAITING.length);
}

Deno.test("a VM that was rolled back does not end with cprctl", () => {
  assertEquals(oldOptions("-run-with", "exit-with-parent=on", "-usb"), [
    "-usb",
  ]);
  assertEquals(
    oldOptions("--run-with", "async-teardown=on,exit-with-parent=on"),
    ["--run-with", "async-teardown=on"],
  );
});

Deno.test("the old command line gets -incoming, and is otherwise unchanged", () => {
  const kept = ["-name", "a vm", "-run-with", "async-teardown=on"];
  assertEquals(oldOptions(...kept, "-daemonize"), kept);
});
