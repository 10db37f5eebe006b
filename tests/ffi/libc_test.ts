import { assert, assertEquals, assertThrows } from "@std/assert";
import { errnoName, errnoNumber } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { call, ifPossible, libc, OsError, osError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { addSeals, createMemfd, SEAL_GROW } from "../../ffi/memfd.ts";
import { cString, cStringVector } from "../../ffi/memory.ts";
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { withoutLeaks } from "./leaks.ts";

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

/** Ways to fail, and the error that each must give. */
function expected(memfd: Fd, directory: Fd): [string, () => unknown][] {
  const bytes = new Uint8Array(8);
  return [
    ["ENOENT", () => Fd.open("/nonexistent/file", 0)],
    ["EBADF", () => Fd.adopt(1_000_000)],
    ["EINVAL", () => memfd.seek(-1)],
    ["EISDIR", () => directory.read(bytes)],
    ["ENOTDIR", () => Fd.open("/dev/null/x", 0)],
    ["EEXIST", () => Fd.open("/dev/null", O_CREAT | O_EXCL | O_WRONLY)],
    ["EINVAL", () => memfd.truncate(-1)],
    ["ENOTDIR", () => Fd.open("/proc/self/stat", O_DIRECTORY)],
    ["EINVAL", () => createMemfd("n".repeat(300))],
    ["EPERM", () => addSeals(memfd, SEAL_GROW)],
    [
      "EINVAL",
      () =>
        Mapping.map(memfd, {
          length: 8,
          offset: 1,
          shared: true,
          writable: false,
        }),
    ],
    ["EISDIR", () => Fd.open("/", O_WRONLY)],
  ];
}

Deno.test("each failure has its own errno", () =>
  withoutLeaks(() => {
    using memfd = createMemfd("errno", { size: 4096 });
    using directory = Fd.open("/", O_DIRECTORY);
    for (const [code, call] of expected(memfd, directory)) {
      assertEquals(codeOf(call), code, call.toString());
    }
  }));

Deno.test("ten thousand failures in a row have each their own errno", () =>
  withoutLeaks(() => {
    using memfd = createMemfd("errno", { size: 4096 });
    using directory = Fd.open("/", O_DIRECTORY);
    const calls = expected(memfd, directory);
    for (let round = 0; round * calls.length < 10_000; round++) {
      for (const [code, call] of calls) assertEquals(codeOf(call), code);
    }
  }));

Deno.test("errno is right while garbage is made and collected", () =>
  withoutLeaks(() => {
    using memfd = createMemfd("errno", { size: 4096 });
    using directory = Fd.open("/", O_DIRECTORY);
    const calls = expected(memfd, directory);
    let garbage: unknown[] = [];
    for (let round = 0; round * calls.length < 10_000; round++) {
      for (const [code, call] of calls) {
        // Small objects for the young generation, buffers for the memory
        // allocator, a big array now and then for the old generation.
        garbage.push({ code, text: `${round}${code}` }, new Uint8Array(5000));
        if (garbage.length > 2000) garbage = [new Array(100_000).fill(round)];
        assertEquals(codeOf(call), code);
      }
    }
  }));

Deno.test("a failure in 64 bits carries its errno, too", () => {
  for (let i = 0; i < 10_000; i++) {
    assertEquals(libc().lseek(-1, 0n, 0), -9n);
    assertEquals(libc().lseek(0, 0n, 99), -22n);
  }
});

Deno.test("all ways to report a failure lead to the same error", () => {
  const pid = 2 ** 30;
  const failures: [string, () => unknown][] = [
    ["close: Bad file descriptor (EBADF)", () => call("close", [-1])],
    // Returns the error number itself.
    [
      "posix_fadvise: Bad file descriptor (EBADF)",
      () => call("posix_fadvise", [-1, 0n, 0n, 0]),
    ],
    // A system call by its number.
    ["pidfd_open: No such process (ESRCH)", () => call("pidfd_open", [pid, 0])],
  ];
  for (const [message, action] of failures) {
    const error = assertThrows(action, OsError);
    assertEquals(error.message, `Cannot ${message}`);
  }
  using memfd = createMemfd("advised");
  assertEquals(call("posix_fadvise", [memfd.number, 0n, 0n, 0]), 0);
});

Deno.test("the message names action, object and reason", () => {
  const error = assertThrows(() => Fd.open("/nonexistent", 0), OsError);
  assertEquals(
    error.message,
    'Cannot open "/nonexistent": No such file or directory (ENOENT)',
  );
  assertEquals(
    { ...error },
    {
      name: "OsError",
      errno: 2,
      code: "ENOENT",
      description: "No such file or directory",
      syscall: "open",
      detail: "/nonexistent",
    },
  );
});

Deno.test("error names and numbers are those of Linux", () => {
  for (
    const [name, number] of [
      ["EPERM", 1],
      ["EAGAIN", 11],
      ["ENAMETOOLONG", 36],
      ["EOVERFLOW", 75],
      ["ETIMEDOUT", 110],
      ["EHWPOISON", 133],
    ] as const
  ) {
    assertEquals(errnoName(number), name);
    assertEquals(errnoNumber(name), number);
  }
  assertEquals(errnoName(41), "E41");
  assertThrows(() => errnoNumber("ENOSUCH"), RangeError, '"ENOSUCH"');
});

Deno.test("what the system refuses is undefined, as far as it is expected", () => {
  const refuse = () => {
    throw osError("EAGAIN", "read");
  };
  assertEquals(ifPossible(() => 1, "EAGAIN"), 1);
  assertEquals(ifPossible(refuse), undefined);
  assertEquals(ifPossible(refuse, "ENOENT", "EAGAIN"), undefined);
  assertEquals(codeOf(() => ifPossible(refuse, "ENOENT")), "EAGAIN");
  assertThrows(() => ifPossible(() => new URL("")), TypeError);
});

Deno.test("a text with a NUL is refused", () => {
  assertThrows(() => cString("a\0b"), TypeError, '"a\\u0000b"');
  assertThrows(() => cStringVector(["a", "b\0"]), TypeError);
  assertThrows(() => Fd.open("/dev/null\0/x", 0), TypeError);
});

Deno.test("a vector of texts points into itself and ends with null", () => {
  const texts = ["cprctl", "", "größer", "x".repeat(5000)];
  const vector = cStringVector(texts);
  assertEquals(vector.length, 5);
  assertEquals(vector[4], 0n);
  const read = [...vector.subarray(0, 4)].map((address) => {
    const pointer = Deno.UnsafePointer.create(address);
    assert(pointer !== null);
    return Deno.UnsafePointerView.getCString(pointer);
  });
  assertEquals(read, texts);
});
