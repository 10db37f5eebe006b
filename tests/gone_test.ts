import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Fd } from "../ffi/fd.ts";
import { osError } from "../ffi/libc.ts";
import { O_RDONLY } from "../ffi/open_flags.ts";
import { ifThere, ifThereSync, isGone } from "../lib/gone.ts";

const NOWHERE = "/proc/self/no such file";

Deno.test("what is not there is undefined", async () => {
  assertEquals(await ifThere(Deno.stat(NOWHERE)), undefined);
  assertEquals(ifThereSync(() => Deno.statSync(NOWHERE)), undefined);
  assertEquals(ifThereSync(() => Fd.open(NOWHERE, O_RDONLY)), undefined);
});

Deno.test("what is there comes back", async () => {
  assertEquals(await ifThere(Promise.resolve(1)), 1);
  assertEquals(ifThereSync(() => 1), 1);
});

Deno.test("a process that ended before its file was read is gone", async () => {
  const process = new Deno.Command("cat", { stdin: "piped", stdout: "null" })
    .spawn();
  using stat = Fd.open(`/proc/${process.pid}/stat`, O_RDONLY);
  process.kill("SIGKILL");
  await process.status;
  // Leads to the file of the old process, whoever has its id by now.
  const path = `/proc/self/fd/${stat.number}`;
  const error = await assertRejects(() => Deno.readTextFile(path));
  assert(isGone(error), `${error}`);
});

Deno.test("any other error is thrown again", async () => {
  await assertRejects(() => ifThere(Deno.readTextFile("/proc")));
  const denied = osError("EPERM", "open", "a file");
  assertThrows(() =>
    ifThereSync(() => {
      throw denied;
    })
  );
  assertEquals(isGone(new Error("No such process as you think")), false);
  assertEquals(isGone("ENOENT"), false);
});
