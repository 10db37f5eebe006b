import { assertEquals, assertRejects } from "@std/assert";
import { createMemfd } from "../../../ffi/memfd.ts";
import { CprctlError } from "../../../lib/errors.ts";
import { findChangingWord } from "../../../lib/update/measure/changing_word.ts";

Deno.test("RAM without an end is searched for a limited time", async () => {
  using ram = createMemfd("cprctl-test");
  ram.truncate(2 ** 50);
  const error = await assertRejects(
    () => findChangingWord(ram, 200),
    CprctlError,
  );
  assertEquals(error.code, "guest-stands-still");
});
