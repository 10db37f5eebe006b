import { assertEquals, assertThrows } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { parseJournal } from "../../../lib/update/run/journal.ts";

/** As one is written; `damage` is done to it. */
function journal(damage: Record<string, unknown> = {}): string {
  return JSON.stringify({
    schema: 1,
    vm: {
      address: { path: "/run/a.qmp" },
      pid: 4711,
      owner: { uid: 1000, gid: 1000 },
      startTime: "1234",
      image: "1 2 3",
      executable: { path: "/bin/qemu", replaced: false, dev: "1", ino: "1" },
      program: "QEMU",
      version: { major: 11, minor: 1, micro: 2, package: "" },
      runState: "running",
      running: true,
      imagesActive: true,
      threads: [{
        name: "main thread",
        placement: { affinity: [0], scheduling: {} },
        cgroups: {},
      }],
      ...damage,
    },
    settings: {
      parameters: { mode: "normal" },
      capabilities: [],
      live: { writeThresholds: [], balloons: [] },
    },
  });
}

Deno.test("a journal is read", () => {
  assertEquals(parseJournal(journal()).vm.pid, 4711);
  assertEquals(parseJournal(journal({ name: "a" })).vm.name, "a");
});

const DAMAGES: readonly [string, string][] = [
  ["", "is not JSON"],
  ["{", "is not JSON"],
  ["null", "is not an object"],
  ["[]", "is not an object"],
  ['{"schema":1}', 'has no "vm"'],
  ['{"schema":2}', "another version"],
  ['{"schema":1,"vm":{}}', 'has no "pid"'],
  [journal({ pid: -1 }), '".vm.pid" is not a count'],
  [journal({ pid: 0 }), "a pid that no process can have"],
  [journal({ pid: 2 ** 40 }), "a pid that no process can have"],
  [journal({ startTime: 1 }), '".vm.startTime" is not a string'],
  [journal({ owner: { uid: "0", gid: 0 } }), '".vm.owner.uid"'],
  [journal({ address: {} }), 'has no "host"'],
  [journal({ threads: [null] }), '".vm.threads[0]"'],
  [journal({ threads: [{ name: "x", cgroups: {} }] }), 'has no "placement"'],
  [journal({ running: "yes" }), '".vm.running" is not a boolean'],
  [journal({ service: { name: "a" } }), 'has no "fate"'],
  [withCommand("block_set_io_throttle", 1), 'arguments" is not an object'],
  [withCommand("quit", {}), "no command that is carried over"],
  [withCommand("getfd", {}, -1), 'descriptor" is not a count'],
];

function withCommand(
  execute: string,
  given: unknown,
  descriptor?: number,
): string {
  const whole = JSON.parse(journal());
  return JSON.stringify({
    ...whole,
    carried: [{ execute, arguments: given, descriptor }],
  });
}

for (const [index, [text, what]] of DAMAGES.entries()) {
  Deno.test(`damage ${index} of a journal is reported: ${what}`, () => {
    assertThrows(() => parseJournal(text), UpdateProblem, what);
  });
}
