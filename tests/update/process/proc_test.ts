import { assert, assertEquals } from "@std/assert";
import { isThere } from "../../../lib/update/process/named_process.ts";
import {
  type FileIdentity,
  identityOf,
  isSameIdentity,
  readStartTime,
} from "../../../lib/update/process/proc.ts";

function start(): Deno.ChildProcess {
  return new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
}

async function end(process: Deno.ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
}

Deno.test("a file of a process that ended before it was opened", async () => {
  const process = start();
  const name = {
    pid: process.pid,
    startTime: await readStartTime(process.pid),
  };
  assert(await isThere(name));
  await end(process);
  assertEquals(await isThere(name), false);
});

Deno.test("files whose inodes a number would round to one are two", () => {
  const large = 2n ** 63n;
  assertEquals(Number(large + 1n), Number(large + 2n));
  const [one, other] = [1n, 2n].map((n) =>
    identityOf({ dev: 1n, ino: large + n })
  ) as [FileIdentity, FileIdentity];
  assert(isSameIdentity(one, JSON.parse(JSON.stringify(one))));
  assert(!isSameIdentity(one, other));
});
