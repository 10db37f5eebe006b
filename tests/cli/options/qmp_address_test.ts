import { assertEquals, assertThrows } from "@std/assert";
import { parseQmpAddress } from "../../../lib/cli/options/qmp_address.ts";
import { UsageError } from "../../../lib/errors.ts";

Deno.test("a socket's path", () => {
  for (const path of ["/run/a.qmp", "a.qmp", "./a:1", "dir:x/a", "/a:4444"]) {
    assertEquals(parseQmpAddress(path), { path });
    assertEquals(parseQmpAddress(`unix:${path}`), { path });
  }
  assertEquals(parseQmpAddress("unix:host:1"), { path: "host:1" });
});

Deno.test("a host and a port", () => {
  assertEquals(parseQmpAddress("localhost:4444"), {
    host: "localhost",
    port: 4444,
  });
  assertEquals(parseQmpAddress("tcp:[::1]:1"), { host: "::1", port: 1 });
});

Deno.test("what is neither is refused", () => {
  for (const text of ["", "unix:", "tcp:", "tcp:/run/a", "host:0", "h:65536"]) {
    assertThrows(() => parseQmpAddress(text), UsageError, "HOST:PORT");
  }
});
