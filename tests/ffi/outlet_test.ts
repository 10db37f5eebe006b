import { assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_NONBLOCK, O_RDWR, O_WRONLY } from "../../ffi/open_flags.ts";
import { Outlet } from "../../ffi/outlet.ts";
import { withoutLeaks } from "./leaks.ts";
import { program, said } from "./processes.ts";

const bytes = new TextEncoder().encode("a line\n");

for (const kind of ["fifo", "socket", "terminal"]) {
  Deno.test(`a ${kind} that is full takes nothing, and nobody waits`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "cprctl-outlet-" });
    try {
      const path = `${directory}/fifo`;
      await said(["mkfifo", path]);
      assertEquals(JSON.parse(await said(program("outlet", kind, path))), {
        filled: true,
        nonblocking: false,
        end: kind === "terminal" ? "EIO" : "EPIPE",
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("a file is written where its descriptor stands", () =>
  withoutLeaks(() => {
    using file = createMemfd("log");
    file.writeAll(bytes);
    using outlet = Outlet.over(file.number);
    assertEquals(outlet.write(bytes), bytes.length);
    assertEquals(file.seek(0, "current"), 2 * bytes.length);
  }));

Deno.test("what cannot be written says why", () =>
  withoutLeaks(() => {
    using full = Fd.open("/dev/full", O_WRONLY);
    using outlet = Outlet.over(full.number);
    assertEquals(
      assertThrows(() => outlet.write(bytes), OsError).code,
      "ENOSPC",
    );
    assertEquals(
      assertThrows(() => Outlet.over(1_000_000), OsError).code,
      "EBADF",
    );
  }));

Deno.test("a descriptor that does not wait is taken over as it is", () =>
  withoutLeaks(() => {
    const opened = Fd.open("/dev/null", O_RDWR | O_NONBLOCK);
    {
      using outlet = Outlet.adopt(opened);
      assertEquals(outlet.write(bytes), bytes.length);
    }
    assertEquals(opened.closed, true);
  }));
