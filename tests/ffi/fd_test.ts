import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  descriptorIsOpen,
  duplicate,
  Fd,
  getCloexec,
  setCloexec,
} from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { program, said } from "./processes.ts";
import { withoutLeaks } from "./leaks.ts";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

/** Calls with a directory that is gone afterwards. */
function withDirectory(test: (path: string) => void): void {
  const path = Deno.makeTempDirSync({ prefix: "cprctl-fd-" });
  try {
    test(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

Deno.test("what is written is read, at the offset and beside it", () =>
  withoutLeaks(() => {
    using fd = createMemfd("data");
    fd.writeAll(utf8.encode("hello world"));
    assertEquals(fd.seek(0, "current"), 11);
    assertEquals(fd.pwrite(utf8.encode("HELLO"), 0), 5);
    assertEquals(fd.seek(0, "current"), 11);
    const some = new Uint8Array(5);
    assertEquals(fd.pread(some, 6), 5);
    assertEquals(text(some), "world");
    assertEquals(fd.read(some), 0);
    assertEquals(fd.seek(-5, "end"), 6);
    assertEquals(fd.read(some), 5);
    assertEquals(fd.seek(0), 0);
    assertEquals(text(fd.readAll(100)), "HELLO world");
  }));

Deno.test("readAll takes what the limit allows and no byte more", () =>
  withoutLeaks(() => {
    const data = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
    using fd = createMemfd("data");
    fd.writeAll(data);
    fd.seek(0);
    assertEquals(fd.readAll(200_000), data);
    fd.seek(0);
    assertEquals(codeOf(() => fd.readAll(199_999)), "EFBIG");
    fd.seek(0, "end");
    assertEquals(fd.readAll(0), new Uint8Array());
  }));

Deno.test("readAll reads files that claim to be empty", () =>
  withoutLeaks(() => {
    using fd = Fd.open("/proc/self/maps", O_RDONLY);
    assertEquals(fd.stat().size, 0);
    assert(fd.readAll(16 << 20).length > 4096);
  }));

Deno.test("offsets beyond 4 GiB are exact", () =>
  withoutLeaks(() => {
    const far = 5 * 2 ** 40 + 12345;
    using fd = createMemfd("sparse");
    fd.truncate(far + 1);
    assertEquals(fd.stat().size, far + 1);
    assertEquals(fd.pwrite(Uint8Array.of(7), far), 1);
    assertEquals(fd.seek(far), far);
    const byte = new Uint8Array(1);
    assertEquals(fd.read(byte), 1);
    assertEquals(byte[0], 7);
    assertThrows(() => fd.seek(1.5), RangeError);
  }));

Deno.test("descriptors are close-on-exec unless one says otherwise", () =>
  withoutLeaks(() => {
    using file = Fd.open("/dev/null", O_RDWR);
    using copy = file.dup();
    using kept = file.dup({ cloexec: false, atLeast: 200 });
    assertEquals([file.cloexec, copy.cloexec, kept.cloexec], [
      true,
      true,
      false,
    ]);
    assert(kept.number >= 200);
    setCloexec(kept.number, true);
    assert(getCloexec(kept.number));
    file.setCloexec(false);
    assertEquals(file.cloexec, false);
    using third = duplicate(file.number);
    assert(third.cloexec);
  }));

Deno.test("a closed descriptor is closed once and never used again", () =>
  withoutLeaks(() => {
    const fd = createMemfd("short");
    const number = fd.number;
    assert(descriptorIsOpen(number));
    fd.close();
    assert(fd.closed);
    assert(!descriptorIsOpen(number));
    using other = createMemfd("other");
    assertEquals(other.number, number, "the lowest free number is taken");
    fd.close();
    fd[Symbol.dispose]();
    assert(descriptorIsOpen(number), "the number belongs to another by now");
    assertEquals(codeOf(() => fd.number), "EBADF");
    assertEquals(codeOf(() => fd.read(new Uint8Array(1))), "EBADF");
    assertEquals(codeOf(() => fd.release()), "EBADF");
  }));

Deno.test("a released descriptor stays open for its next owner", () =>
  withoutLeaks(() => {
    const first = createMemfd("moved");
    const number = first.release();
    first.close();
    using second = Fd.adopt(number);
    assertEquals(second.number, number);
  }));

Deno.test("only an open descriptor can be adopted", () => {
  assertEquals(codeOf(() => Fd.adopt(-1)), "EBADF");
  assertEquals(codeOf(() => Fd.adopt(999_999)), "EBADF");
  assert(!descriptorIsOpen(-1));
});

Deno.test("the kernel understands each open flag as it is meant", () =>
  withoutLeaks(() =>
    withDirectory((directory) => {
      const file = `${directory}/file`;
      using created = Fd.open(file, O_CREAT | O_EXCL | O_RDWR, 0o600);
      assertEquals(created.stat().mode & 0o777, 0o600);
      assertEquals(
        codeOf(() => Fd.open(file, O_CREAT | O_EXCL | O_RDWR)),
        "EEXIST",
      );

      Deno.symlinkSync(file, `${directory}/link`);
      assertEquals(
        codeOf(() => Fd.open(`${directory}/link`, O_NOFOLLOW)),
        "ELOOP",
      );
      assertEquals(codeOf(() => Fd.open(file, O_DIRECTORY)), "ENOTDIR");
      using folder = Fd.open(directory, O_DIRECTORY | O_NOFOLLOW);
      assert(folder.stat().isDirectory);

      using unnamed = Fd.open(directory, O_TMPFILE | O_RDWR);
      assertEquals(unnamed.stat().nlink, 0);

      using appending = Fd.open(file, O_WRONLY | O_APPEND);
      created.writeAll(utf8.encode("one"));
      appending.writeAll(utf8.encode("two"));
      assertEquals(Deno.readTextFileSync(file), "onetwo");
    })
  ));

Deno.test("stat agrees with the runtime's own", () =>
  withoutLeaks(() => {
    for (const path of ["/", "/dev/null", "/dev/shm", "/proc/self/exe"]) {
      const expected = Deno.statSync(path);
      using fd = Fd.open(path, O_RDONLY);
      const status = fd.stat();
      assertEquals(
        {
          ...status,
          changed: Math.floor(status.changed / 1000) * 1000,
          dev: Number(status.dev),
          ino: Number(status.ino),
          rdev: Number(status.rdev),
        },
        {
          dev: expected.dev,
          ino: expected.ino ?? -1,
          changed: expected.ctime?.getTime() ?? -1,
          mode: expected.mode ?? -1,
          size: expected.size,
          uid: expected.uid ?? -1,
          gid: expected.gid ?? -1,
          nlink: expected.nlink ?? -1,
          rdev: expected.rdev ?? -1,
          isFile: expected.isFile,
          isDirectory: expected.isDirectory,
          isFifo: false,
          isSocket: false,
          isCharacterDevice: path === "/dev/null",
        },
      );
    }
  }));

Deno.test("permissions and owner are changed on the open file", () =>
  withoutLeaks(() => {
    using fd = createMemfd("owned");
    fd.chmod(0o640);
    assertEquals(fd.stat().mode & 0o7777, 0o640);
    const { uid, gid } = fd.stat();
    fd.chown(uid, gid);
    if (uid === 0) {
      fd.chown(12345, 54321);
      assertEquals([fd.stat().uid, fd.stat().gid], [12345, 54321]);
    }
  }));

Deno.test("advice about a file does not change what is in it", () => {
  withoutLeaks(() =>
    withDirectory((path) => {
      using file = Fd.open(`${path}/file`, O_RDWR | O_CREAT);
      file.writeAll(utf8.encode("contents"));
      file.dontNeed();
      file.willNeed();
      file.seek(0);
      assertEquals(text(file.readAll(100)), "contents");
    })
  );
});

Deno.test("advice about a pipe is refused", () => {
  withoutLeaks(() =>
    withDirectory((path) => {
      const name = `${path}/pipe`;
      assert(new Deno.Command("mkfifo", { args: [name] }).outputSync().success);
      using pipe = Fd.open(name, O_RDWR);
      assertEquals(codeOf(() => pipe.dontNeed()), "ESPIPE");
    })
  );
});

Deno.test("a lock is held until the last duplicate is closed", () =>
  withoutLeaks(() =>
    withDirectory((directory) => {
      const path = `${directory}/lock`;
      const open = () => Fd.open(path, O_CREAT | O_RDWR);
      using first = open();
      using second = open();
      assert(first.tryLock());
      assert(first.tryLock(), "one's own lock can be taken again");
      assert(!second.tryLock());
      {
        using _copy = first.dup();
        first.close();
        assert(!second.tryLock());
      }
      assert(second.tryLock());
    })
  ));

Deno.test("shared memory is refused before the system sees it", () =>
  withoutLeaks(() => {
    using fd = createMemfd("x");
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    assertThrows(() => fd.write(shared), TypeError, "shared memory");
  }));

Deno.test("no terminal becomes the controlling one by an open", async () => {
  assertEquals(
    await said(["setsid", "--wait", ...program("open_tty")]),
    "none\n",
  );
});
