import { assertEquals } from "@std/assert";
import type { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { shutDown } from "../../ffi/shut_down.ts";

Deno.test("a file that is no socket is left alone", () => {
  using memfd: Fd = createMemfd("no-socket");
  shutDown(memfd);
  assertEquals(memfd.stat().isFile, true);
});
