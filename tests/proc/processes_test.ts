import { assert, assertEquals } from "@std/assert";
import { readOwner, readPids } from "../../lib/proc/processes.ts";

Deno.test("this process is one of all, and this user's", async () => {
  assert((await readPids()).includes(Deno.pid));
  const { uid, gid } = await readOwner(Deno.pid);
  assertEquals([uid, gid], [Deno.uid(), Deno.gid()]);
});
