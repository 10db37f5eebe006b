import { assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_NONBLOCK, O_RDWR, O_WRONLY } from "../../ffi/open_flags.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { withoutLeaks } from "./leaks.ts";
import { program, said } from "./processes.ts";

const bytes = new TextEncoder().encode("a line\n");

for (const kind of ["fifo", "socket", "terminal"]) {
  Deno.test(`a ${kind} that is full takes nothing, and a write does not wait`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "cprctl-writer-" });
    try {
      const path = `${directory}/fifo`;
      await said(["mkfifo", path]);
      assertEquals(
        JSON.parse(await said(program("nonblocking_writer", kind, path))),
        {
          filled: true,
          nonblocking: false,
          end: kind === "terminal" ? "EIO" : "EPIPE",
        },
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("a file is written at the offset of its descriptor", () =>
  withoutLeaks(() => {
    using file = createMemfd("log");
    file.writeAll(bytes);
    using writer = NonblockingWriter.over(file.number);
    assertEquals(writer.write(bytes), bytes.length);
    assertEquals(file.seek(0, "current"), 2 * bytes.length);
  }));

Deno.test("a failed write has its errno", () =>
  withoutLeaks(() => {
    using full = Fd.open("/dev/full", O_WRONLY);
    using writer = NonblockingWriter.over(full.number);
    assertEquals(
      assertThrows(() => writer.write(bytes), OsError).code,
      "ENOSPC",
    );
    assertEquals(
      assertThrows(() => NonblockingWriter.over(1_000_000), OsError).code,
      "EBADF",
    );
  }));

Deno.test("a nonblocking descriptor is used as it is", () =>
  withoutLeaks(() => {
    const opened = Fd.open("/dev/null", O_RDWR | O_NONBLOCK);
    {
      using writer = NonblockingWriter.adopt(opened);
      assertEquals(writer.write(bytes), bytes.length);
    }
    assertEquals(opened.closed, true);
  }));
