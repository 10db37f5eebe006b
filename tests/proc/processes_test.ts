import { assert, assertEquals } from "@std/assert";
import { PidFd } from "../../ffi/process.ts";
import {
  readOwner,
  readPids,
  readThreadIds,
  threadIdsOf,
} from "../../lib/proc/processes.ts";

Deno.test("this process is one of all, and this user's", async () => {
  assert((await readPids()).includes(Deno.pid));
  const { uid, gid } = await readOwner(Deno.pid);
  assertEquals([uid, gid], [Deno.uid(), Deno.gid()]);
});

Deno.test("a process has threads until it ends", async () => {
  assert(readThreadIds("self").includes(Deno.pid));
  const child = new Deno.Command("cat", { stdin: "piped" }).spawn();
  using process = PidFd.open(child.pid);
  assertEquals(threadIdsOf(process), [child.pid]);
  await child.stdin.close();
  await child.status;
  assertEquals(threadIdsOf(process), []);
});
