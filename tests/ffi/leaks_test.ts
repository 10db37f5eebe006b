import { AssertionError, assertMatch, assertRejects } from "@std/assert";
import type { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { withoutLeaks } from "./leaks.ts";

Deno.test("a descriptor left open is a leak", async () => {
  const left: Fd[] = [];
  const error = await assertRejects(
    () =>
      withoutLeaks(() => {
        left.push(createMemfd("forgotten"));
      }),
    AssertionError,
  );
  for (const fd of left) fd.close();
  assertMatch(error.message, /leaked: \d+ \(\/memfd:forgotten/);
});

Deno.test("a descriptor opened once for good is no leak", async () => {
  let once: Fd | undefined;
  await withoutLeaks(() => {
    once ??= createMemfd("lazily");
  });
  once?.close();
});
