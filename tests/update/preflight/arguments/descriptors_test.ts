import { assertEquals, assertStringIncludes } from "@std/assert";
import { Fd } from "../../../../ffi/fd.ts";
import { O_RDONLY } from "../../../../ffi/open_flags.ts";
import { findings } from "../fake_monitor.ts";

/** More than a test has. */
const NEVER_OPEN = 900_000;

/** What is said of a descriptor of the VM, whose process is this one. */
async function finding(number: number) {
  const checks = await findings({}, [], { descriptors: [number] });
  const check = checks.get("descriptors");
  return { verdict: check?.verdict, detail: check?.detail ?? "" };
}

Deno.test("a descriptor that stays open over an exec passes", async () => {
  using fd = Fd.open("/dev/null", O_RDONLY);
  fd.setCloexec(false);
  assertEquals((await finding(fd.number)).verdict, "ok");
});

Deno.test("a descriptor that an exec closes is refused", async () => {
  using fd = Fd.open("/dev/null", O_RDONLY);
  const { verdict, detail } = await finding(fd.number);
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, `Descriptor ${fd.number}`);
  assertStringIncludes(detail, "closed by exec");
});

Deno.test("a descriptor that is not open any more is refused", async () => {
  const { verdict, detail } = await finding(NEVER_OPEN);
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, "is not open");
});
