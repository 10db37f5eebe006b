import { assertEquals } from "@std/assert";
import { getLimit, parseLimits, resources } from "../../ffi/limits.ts";

Deno.test("every limit of a process is read, as prlimit tells it", async () => {
  const limits = parseLimits(await Deno.readTextFile("/proc/self/limits"));
  for (const resource of resources) {
    const { soft, hard } = getLimit(resource);
    assertEquals(limits[resource], [`${soft}`, `${hard}`], resource);
  }
});

const LIMITS = `\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
Max nice priority         0                    0                    
`;

Deno.test("limits are read from the kernel's table", () => {
  assertEquals(parseLimits(LIMITS), {
    CPU: ["18446744073709551615", "18446744073709551615"],
    NOFILE: ["1024", "524288"],
    NICE: ["0", "0"],
  });
});

Deno.test("limits that nobody knows are passed over", () => {
  assertEquals(
    parseLimits("Max new thing  1  2  things\nMax open files  many  2  \n"),
    {},
  );
});
