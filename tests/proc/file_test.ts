import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnreadableError } from "../../lib/bounded_file.ts";
import { isHidden, readProcText } from "../../lib/proc/file.ts";

Deno.test("a file of a process is read up to a bound", async () => {
  const name = await readProcText(Deno.pid, "comm");
  assertEquals(await readProcText("self", "comm", name.length), name);
  await assertRejects(
    () => readProcText("self", "comm", name.length - 1),
    UnreadableError,
  );
});

Deno.test("what a process hides is told from what is wrong", async () => {
  const gone = await assertRejects(() => readProcText("self", "no such file"));
  assert(isHidden(gone));
  assert(isHidden(new UnreadableError("/proc/1/environ", "it is late")));
  assert(isHidden(new Deno.errors.PermissionDenied()));
  assert(!isHidden(new TypeError("It is a mistake")));
});
