import { assertEquals } from "@std/assert";
import { newCommand } from "../../../../lib/update/command/new_command.ts";
import { after, factsOf, MACHINE, NOTHING_LIVE, WAITING } from "../vm.ts";

Deno.test("what started the VM the last time does not start it again", () => {
  const stale = ["-S", "-incoming", "file:/x", "--incoming", "defer"];
  assertEquals(after(["-usb", ...stale, "-m", "1G"]), ["-usb", "-m", "1G"]);
  assertEquals(after(["-loadvm", "snap"]), []);
});

Deno.test("a daemon stays the one it is, and keeps its pid file", () => {
  assertEquals(after(["-daemonize", "-pidfile", "/run/p"]), [
    "-pidfile",
    "/run/p",
  ]);
});

Deno.test("a process keeps its user and its root", () => {
  assertEquals(after(["-run-with", "user=nobody"]), []);
  assertEquals(after(["-run-with", "chroot=/a,,b,user=1:2"]), []);
  assertEquals(
    after(["--run-with", "async-teardown=on,user=nobody,chroot=/x"]),
    ["--run-with", "async-teardown=on"],
  );
  const kept = ["-run-with", "exit-with-parent=on"];
  assertEquals(after(kept), kept);
});

const machineTypes: readonly [string[], string[]][] = [
  [["-machine", "q35"], ["-machine", MACHINE]],
  [["-M", "q35,accel=kvm"], ["-M", `${MACHINE},accel=kvm`]],
  [["-machine", "accel=kvm,type=q35"], [
    "-machine",
    `accel=kvm,type=${MACHINE}`,
  ]],
  [["-M", "q35", "-machine", "accel=tcg"], [
    ...["-M", MACHINE, "-machine", "accel=tcg"],
  ]],
  [["-M", "pc", "-M", "q35"], ["-M", "pc", "-M", MACHINE]],
  [["-machine", "accel=tcg"], ["-machine", "accel=tcg", "-machine", MACHINE]],
  [[], ["-machine", MACHINE]],
  [["-machine", `${MACHINE},x=y`], ["-machine", `${MACHINE},x=y`]],
];

for (const [from, to] of machineTypes) {
  Deno.test(`the machine type is exact after "${from.join(" ")}"`, () => {
    const { argv } = newCommand(factsOf(from), NOTHING_LIVE);
    assertEquals(argv.slice(1, -WAITING.length), to);
  });
}

Deno.test("a machine type that nobody knows is left alone", () => {
  const facts = factsOf(["-M", "q35"], { machine: undefined });
  assertEquals(newCommand(facts, NOTHING_LIVE).argv.slice(1, 3), ["-M", "q35"]);
});

Deno.test("that the log is emptied is told", () => {
  const { problems } = newCommand(factsOf(["-D", "/my log"]), NOTHING_LIVE);
  assertEquals(problems.map(({ verdict, detail }) => [verdict, detail]), [
    [
      "warn",
      "The new program empties the log of \"-D '/my log'\" at its start",
    ],
  ]);
});
