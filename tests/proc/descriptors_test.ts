import { assertEquals } from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { findDescriptor, readDescriptors } from "../../lib/proc/descriptors.ts";

Deno.test("a descriptor is found by what it is, the youngest first", async () => {
  const link = "/memfd:cprctl test (deleted)";
  assertEquals(findDescriptor(Deno.pid, link), undefined);
  using older = createMemfd("cprctl test");
  using younger = createMemfd("cprctl test");
  const found = Math.max(older.number, younger.number);
  assertEquals(findDescriptor(Deno.pid, link), found);
  const links = await readDescriptors(Deno.pid);
  assertEquals(links.get(older.number), link);
});
