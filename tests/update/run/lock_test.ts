import { assert, assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../../lib/update/error.ts";
import { VmLock } from "../../../lib/update/run/lock.ts";
import { withRunDirectory } from "../run_base.ts";

Deno.test("one cprctl at a time works on a VM", async () => {
  await using base = await withRunDirectory();
  {
    using _first = await VmLock.take(4711);
    using _other = await VmLock.take(4712);
    const error = await assertRejects(() => VmLock.take(4711), RefusedError);
    assertEquals(error.exitCode, 3);
    assertEquals(await VmLock.tryTake(4711), undefined);
  }
  using again = await VmLock.take(4711);
  assert(again.path.startsWith(base.path));
});

Deno.test("a lock leaves nothing, and stale locks are removed", async () => {
  await using base = await withRunDirectory();
  {
    using _lock = await VmLock.take(4711);
  }
  assertEquals([...Deno.readDirSync(base.path)], []);
  Deno.writeTextFileSync(`${base.path}/99.lock`, "");
  using held = await VmLock.take(98);
  await VmLock.tidy();
  assertEquals([...Deno.readDirSync(base.path)].map(({ name }) => name), [
    "98.lock",
  ]);
  assert(held.path.endsWith("98.lock"));
});

Deno.test("the lock of a process ends with it", async () => {
  await using base = await withRunDirectory();
  const holder = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      new URL("lock_holder.ts", import.meta.url).pathname,
    ],
    env: { RUNTIME_DIRECTORY: base.path },
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  assertEquals(await VmLock.tryTake(4711), undefined);
  holder.kill("SIGKILL");
  await holder.status;
  await reader.cancel();
  using lock = await VmLock.take(4711);
  assert(lock !== undefined);
});

Deno.test("a user with another lock directory is locked out, too", async () => {
  await using _theirs = await withRunDirectory();
  using _lock = await VmLock.take(Deno.pid);
  await using ours = await withRunDirectory();
  assertEquals(await VmLock.tryTake(Deno.pid), undefined);
  assertEquals([...Deno.readDirSync(ours.path)], []);
});
