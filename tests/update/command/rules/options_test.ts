import { assertEquals } from "@std/assert";
import { newCommand } from "../../../../lib/update/command/new_command.ts";
import { shown } from "../../../../lib/update/command/shown.ts";
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

const emptied: readonly (readonly string[])[] = [
  ["-D", "/my log"],
  ["-trace", "enable=x,file=/trace"],
  ["-audiodev", "wav,id=a,path=/a.wav"],
  ["-object", "filter-dump,id=f,netdev=n,file=/dump"],
  ["-chardev", "ringbuf,id=r"],
];
for (const words of emptied) {
  Deno.test(`that "${words.join(" ")}" starts anew is told`, () => {
    const { problems } = newCommand(factsOf(words), NOTHING_LIVE);
    assertEquals(problems.map(({ verdict, detail }) => [verdict, detail]), [
      [
        "warn",
        `The new program empties what "${shown(words)}" has written, at its ` +
        "start",
      ],
    ]);
  });
}

Deno.test("what is not emptied is not told", () => {
  const words = ["-trace", "enable=x", "-audiodev", "none,id=a"];
  assertEquals(newCommand(factsOf(words), NOTHING_LIVE).problems, []);
});
