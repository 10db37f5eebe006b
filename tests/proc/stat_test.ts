import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  isStopped,
  parseStat,
  readStat,
  readStatSync,
} from "../../lib/proc/stat.ts";

const STAT = "4711 (a (strange) name) Z 12 4711 4711 0 -1 4194304 1 0 0 0 " +
  "7 8 0 0 20 0 1 0 30437 1000 20 18446744073709551615 26 27 28 29 30 0 0 " +
  "0 0 0 0 0 17 1 0 0 0 0 0 45 46 47 48 49 50 51 139\n";

Deno.test("what the kernel says of a process is read", () => {
  assertEquals(parseStat(STAT), {
    state: "Z",
    parent: 12,
    startTime: "30437",
    image: "26 27 28 45 46 48 49 50 51",
    exitStatus: 139,
  });
});

Deno.test("a line that is torn is refused", () => {
  assertThrows(() => parseStat(STAT.slice(0, -5)), Error, "field 52");
  assertThrows(() => parseStat(""), Error, "field 3");
});

Deno.test("a process that a signal or a debugger stopped is told", () => {
  const stateOf = (state: string) =>
    parseStat(STAT.replace(" Z ", ` ${state} `));
  assert(isStopped(stateOf("T")));
  assert(isStopped(stateOf("t")));
  assert(!isStopped(stateOf("S")));
});

Deno.test("this process is read, and its main thread", async () => {
  const { startTime, image } = readStatSync(Deno.pid);
  assertEquals((await readStat(Deno.pid)).image, image);
  assertEquals(readStatSync(Deno.pid, Deno.pid).startTime, startTime);
});
