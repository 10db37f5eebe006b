import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tooMuch } from "../../scripts/fuzz/limits.ts";
import { output } from "../../testing/program/tool.ts";

const SCRIPT = new URL("../../scripts/fuzz.ts", import.meta.url).pathname;
const MIB = 1024 ** 2;

Deno.test("runs are made by as many processes as there are jobs", async () => {
  const { stdout } = await output([
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", SCRIPT] as const,
    ...["--seed", "1", "--runs", "20", "--jobs", "2"],
  ]);
  assertStringIncludes(stdout, "seed 1, 20 runs");
  const counts = stdout.matchAll(/: (\d+) runs, \d+ decoded/g);
  assertEquals(counts.reduce((sum, [, runs]) => sum + Number(runs), 0), 20);
});

Deno.test("a run that takes too much says of what", () => {
  const run = {
    ...{ kind: "small", outcome: "decoded", read: 1000, written: 0 } as const,
  };
  const taken = { cpuMs: 900, memory: 255 * MIB };
  assertEquals(tooMuch({ ...run, ...taken }), undefined);
  const problem = tooMuch({ ...run, cpuMs: 1001, memory: 257 * MIB }) ?? "";
  assertEquals(problem, "It takes 1001 ms of CPU time, 257 MiB of memory");
  const written = 65 * MIB;
  assert(tooMuch({ ...run, ...taken, written }) !== undefined);
  assertEquals(tooMuch({ ...run, ...taken, written, read: MIB }), undefined);
  // A large one may take longer, and is mapped.
  const large = { cpuMs: 9000, memory: 500 * MIB };
  assertEquals(tooMuch({ ...run, kind: "file", ...large }), undefined);
});
