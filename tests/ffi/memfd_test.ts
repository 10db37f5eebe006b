import { assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import {
  addSeals,
  createMemfd,
  getSeals,
  SEAL_FUTURE_WRITE,
  SEAL_GROW,
  SEAL_SEAL,
  SEAL_SHRINK,
  SEAL_WRITE,
} from "../../ffi/memfd.ts";
import { withoutLeaks } from "./leaks.ts";

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

Deno.test("a memfd has its name and size and is close-on-exec", () =>
  withoutLeaks(() => {
    using fd = createMemfd("memory-backend-memfd", { size: 1 << 20 });
    assertEquals(
      Deno.readLinkSync(`/proc/self/fd/${fd.number}`),
      "/memfd:memory-backend-memfd (deleted)",
    );
    assertEquals(fd.stat().size, 1 << 20);
    assertEquals(fd.cloexec, true);
    using kept = createMemfd("kept", { cloexec: false });
    assertEquals(kept.cloexec, false);
  }));

Deno.test("a memfd whose size fails leaves nothing behind", () =>
  withoutLeaks(() => {
    assertEquals(codeOf(() => createMemfd("x", { size: -1 })), "EINVAL");
  }));

Deno.test("without sealing a memfd cannot be sealed", () =>
  withoutLeaks(() => {
    using fd = createMemfd("plain");
    assertEquals(getSeals(fd), SEAL_SEAL);
    assertEquals(codeOf(() => addSeals(fd, SEAL_GROW)), "EPERM");
  }));

Deno.test("each seal forbids what it says", () =>
  withoutLeaks(() => {
    using fd = createMemfd("sealed", { size: 4096, sealing: true });
    assertEquals(getSeals(fd), 0);
    addSeals(fd, SEAL_SHRINK);
    assertEquals(codeOf(() => fd.truncate(0)), "EPERM");
    fd.truncate(8192);
    addSeals(fd, SEAL_GROW);
    assertEquals(codeOf(() => fd.truncate(16384)), "EPERM");
    fd.pwrite(Uint8Array.of(1), 0);
    {
      using mapping = Mapping.map(fd, {
        length: 4096,
        shared: true,
        writable: true,
      });
      assertEquals(codeOf(() => addSeals(fd, SEAL_WRITE)), "EBUSY");
      addSeals(fd, SEAL_FUTURE_WRITE);
      mapping.bytes[1] = 2;
    }
    assertEquals(codeOf(() => fd.pwrite(Uint8Array.of(1), 0)), "EPERM");
    assertEquals(
      codeOf(() =>
        Mapping.map(fd, { length: 4096, shared: true, writable: true })
      ),
      "EPERM",
    );
    addSeals(fd, SEAL_WRITE | SEAL_SEAL);
    assertEquals(codeOf(() => addSeals(fd, SEAL_WRITE)), "EPERM");
    const bytes = new Uint8Array(2);
    fd.pread(bytes, 0);
    assertEquals([...bytes], [1, 2]);
  }));
