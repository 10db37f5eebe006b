import { assert, assertEquals } from "@std/assert";
import {
  cpuTimeIn,
  ownCpuTime,
  ownUsage,
  peakMemoryIn,
} from "../../ffi/cpu_time.ts";
import { spawn } from "../../ffi/spawn.ts";

const DEADLINE_MS = 60_000;

Deno.test("user and system time are added", () => {
  const usage = BigInt64Array.of(1n, 500_000n, 2n, 250n, 7n, 7n);
  assertEquals(cpuTimeIn(usage), 3500.25);
});

Deno.test("this process has used CPU time, and uses more", () => {
  const before = ownCpuTime();
  assert(before > 0);
  while (ownCpuTime() === before);
});

Deno.test("the most memory of this process is known", () => {
  const before = peakMemoryIn(ownUsage());
  const bytes = new Uint8Array(before + 64 * 1024 ** 2).fill(1);
  assert(peakMemoryIn(ownUsage()) > bytes.length);
});

Deno.test("the CPU time of a child is known once it has ended", async () => {
  const argv = ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"];
  using child = spawn(argv, { descriptors: new Map() });
  await child.wait(DEADLINE_MS);
  assert(child.cpuTime > 1, `${child.cpuTime}`);
});
