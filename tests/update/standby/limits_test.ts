import { assertEquals } from "@std/assert";
import { getLimit, resources } from "../../../ffi/limits.ts";
import { parseLimits } from "../../../lib/update/standby/limits.ts";

Deno.test("every limit of a process is read, as prlimit tells it", async () => {
  const limits = parseLimits(await Deno.readTextFile("/proc/self/limits"));
  for (const resource of resources) {
    const { soft, hard } = getLimit(resource);
    assertEquals(limits[resource], [`${soft}`, `${hard}`], resource);
  }
});

Deno.test("limits that nobody knows are passed over", () => {
  assertEquals(
    parseLimits("Limit  Soft Limit\nMax new thing  1  2  things\n"),
    {},
  );
});
