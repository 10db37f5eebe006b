import { assertEquals, assertThrows } from "@std/assert";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import { asideOf, placeOf } from "../../../lib/update/command/set_aside.ts";
import { transferCommand } from "../../../lib/update/command/transfer_command.ts";
import { RefusedError } from "../../../lib/update/error.ts";
import type { Facts } from "../../../lib/update/vm/facts.ts";
import { after, factsOf, NOTHING_LIVE } from "./vm.ts";

const WORDS = [
  ...["-qmp", "unix:/run/a.qmp,server=on,wait=off"],
  ...["-monitor", "unix:mon,server,nowait"],
  ...["-chardev", "socket,id=c,path=/run/c,server=on,wait=off"],
  ...["-chardev", "socket,id=peer,path=/run/peer"],
  ...["-pidfile", "/run/a.pid"],
];

function transferOf(words: readonly string[], more: Partial<Facts> = {}) {
  const monitor = Deno.makeTempFileSync();
  try {
    const facts = factsOf(words, { address: { path: monitor }, ...more });
    const command = newCommand(facts, NOTHING_LIVE);
    return { monitor, ...transferCommand(command, { facts, cwd: "/vm" }) };
  } finally {
    Deno.removeSync(monitor);
  }
}

Deno.test("the new program has sockets and pidfile beside the VM's", () => {
  const { command, handOver, monitor } = transferOf(WORDS);
  assertEquals(command.argv.slice(1, 1 + WORDS.length), [
    ...["-qmp", "unix:/run/a.qmp.cprctl,server=on,wait=off"],
    ...["-monitor", "unix:mon.cprctl,server,nowait"],
    ...["-chardev", "socket,id=c,path=/run/c.cprctl,server=on,wait=off"],
    ...["-chardev", "socket,id=peer,path=/run/peer"],
    ...["-pidfile", "/run/a.pid.cprctl"],
  ]);
  assertEquals(handOver, {
    monitor: `${monitor}.cprctl`,
    cpr: `${monitor}.cpr`,
    main: `${monitor}.main`,
    moves: ["/run/c", "/run/a.qmp", "/vm/mon", "/run/a.pid"].map((to) => ({
      from: `${to}.cprctl`,
      to,
    })),
  });
  const [option, channel] = command.argv.slice(-2);
  assertEquals(option, "-incoming");
  assertEquals(JSON.parse(channel ?? ""), {
    "channel-type": "cpr",
    "addr": { transport: "socket", type: "unix", path: handOver.cpr },
  });
});

Deno.test("the next update starts from the VM's own paths", () => {
  const { command } = transferOf(WORDS);
  const next = after(command.argv.slice(1));
  assertEquals(next.some((word) => /\.cpr/.test(word)), false);
  assertEquals(next.slice(0, 2), WORDS.slice(0, 2));
  assertEquals(placeOf(asideOf("/run/a")), "/run/a");
  assertEquals(asideOf(asideOf("/run/a")), "/run/a.cprctl");
});

Deno.test("what is not QEMU is refused", () => {
  assertThrows(() => transferOf([], { program: "cprctl" }), RefusedError);
});
