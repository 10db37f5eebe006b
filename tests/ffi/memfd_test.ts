import { assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc.ts";
import {
  addSeals,
  createMemfd,
  SEAL_GROW,
  SEAL_SHRINK,
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
    assertEquals(codeOf(() => addSeals(fd, SEAL_GROW)), "EPERM");
  }));

Deno.test("each seal forbids what it says", () =>
  withoutLeaks(() => {
    using fd = createMemfd("sealed", { size: 4096, sealing: true });
    addSeals(fd, SEAL_SHRINK);
    assertEquals(codeOf(() => fd.truncate(0)), "EPERM");
    fd.truncate(8192);
    addSeals(fd, SEAL_GROW);
    assertEquals(codeOf(() => fd.truncate(16384)), "EPERM");
  }));
