import { assert, assertEquals } from "@std/assert";
import { isThere, openNamed } from "../../lib/proc/process_name.ts";
import { readStat } from "../../lib/proc/stat.ts";

Deno.test("a process is known until it ends", async () => {
  const child = new Deno.Command("cat", { stdin: "piped" }).spawn();
  const { pid } = child;
  const { startTime } = await readStat(pid);
  assert(await isThere({ pid, startTime }));
  {
    using process = await openNamed({ pid, startTime });
    assertEquals(process?.pid, pid);
  }
  await child.stdin.close();
  await child.status;
  assertEquals(await isThere({ pid, startTime }), false);
  assertEquals(await openNamed({ pid, startTime }), undefined);
});

Deno.test("a process with the id of another is not that one", async () => {
  const name = { pid: Deno.pid, startTime: "1" };
  assertEquals(await isThere(name), false);
  assertEquals(await openNamed(name), undefined);
});
