import { assert, assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import {
  foreignStatus,
  openForeignFile,
  openForeignMemfd,
  openRoot,
  readForeignFile,
  WrongKindError,
} from "../../ffi/foreign_file.ts";
import { OsError } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import { withoutLeaks } from "./leaks.ts";

const NOBODY = { uid: 65534, gid: 65534, groups: [] };
const IS_ROOT = Deno.uid() === 0;
const LIMIT = 1024;

function folder() {
  const path = Deno.makeTempDirSync({ prefix: "cprctl-foreign-" });
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

async function make(...words: string[]): Promise<void> {
  const [file = "", ...args] = words;
  const { success } = await new Deno.Command(file, { args }).output();
  assert(success, words.join(" "));
}

Deno.test("a regular file is opened, to be read or to be written", () =>
  withoutLeaks(() => {
    using at = folder();
    const path = `${at.path}/file`;
    Deno.writeTextFileSync(path, "text");
    assertEquals(
      new TextDecoder().decode(readForeignFile(path, LIMIT)),
      "text",
    );
    using file = openForeignFile(path, { writable: true });
    file.writeAll(new TextEncoder().encode("T"));
    assertEquals(Deno.readTextFileSync(path), "Text");
    assert(file.cloexec);
  }));

Deno.test("a file larger than the limit is not read", () =>
  withoutLeaks(() => {
    using at = folder();
    const path = `${at.path}/sparse`;
    Deno.writeTextFileSync(path, "");
    Deno.truncateSync(path, 2 ** 40);
    assertEquals(codeOf(() => readForeignFile(path, LIMIT)), "EFBIG");
  }));

Deno.test("a FIFO, a device, a socket and a directory are refused, and not opened", () =>
  withoutLeaks(async () => {
    using at = folder();
    const fifo = `${at.path}/fifo`;
    const socket = `${at.path}/socket`;
    await make("mkfifo", fifo);
    using _listener = Deno.listen({ transport: "unix", path: socket });
    const kinds: [string, string][] = [
      [fifo, "It is a FIFO"],
      [socket, "It is a socket"],
      ["/dev/zero", "It is a character device"],
      [at.path, "It is a directory"],
    ];
    for (const [path, kind] of kinds) {
      const error = assertThrows(() => openForeignFile(path), WrongKindError);
      assert(error.message.includes(kind), error.message);
    }
  }));

Deno.test("the status of a device is read without opening it", () => {
  assert(foreignStatus("/dev/null").isCharacterDevice);
  assertEquals(codeOf(() => foreignStatus("/dev/none")), "ENOENT");
});

Deno.test("a link is followed on request", () =>
  withoutLeaks(() => {
    using at = folder();
    const path = `${at.path}/link`;
    Deno.symlinkSync("/etc/passwd", path);
    assertThrows(() => openForeignFile(path), WrongKindError, "symbolic link");
    using _file = openForeignFile(path, { followLink: true });
  }));

Deno.test("no link leads out of a root", () =>
  withoutLeaks(() => {
    using at = folder();
    const inside = `${at.path}/root`;
    Deno.mkdirSync(`${inside}/etc`, { recursive: true });
    Deno.writeTextFileSync(`${inside}/etc/file`, "inside");
    Deno.writeTextFileSync(`${at.path}/secret`, "outside");
    Deno.symlinkSync("/etc", `${inside}/absolute`);
    Deno.symlinkSync("../../..", `${inside}/up`);
    Deno.symlinkSync(`/proc/self/cwd`, `${inside}/magic`);
    using root = openRoot(inside);
    const text = (path: string) =>
      new TextDecoder().decode(readForeignFile(path, LIMIT, { root }));
    assertEquals(text("/etc/file"), "inside");
    assertEquals(text("/absolute/file"), "inside");
    assertEquals(text("/up/etc/file"), "inside");
    assertEquals(codeOf(() => text("/../secret")), "ENOENT");
    assertEquals(codeOf(() => text("/up/secret")), "ENOENT");
    using all = openRoot("/");
    const magic = `${inside}/magic/deno.json`;
    assertEquals(
      codeOf(() => openForeignFile(magic, { root: all })),
      "ELOOP",
    );
  }));

Deno.test({
  name: "root opens no more than another user could",
  ignore: !IS_ROOT,
  fn: () =>
    withoutLeaks(() => {
      using at = folder();
      Deno.chmodSync(at.path, 0o755);
      const [secret, open] = [`${at.path}/secret`, `${at.path}/open`];
      Deno.writeTextFileSync(secret, "secret", { mode: 0o600 });
      Deno.writeTextFileSync(open, "open", { mode: 0o644 });
      const rights = () =>
        Deno.readTextFileSync("/proc/thread-self/status")
          .match(/^(Uid|Gid|Groups|Cap\w+):.*$/gm);
      const before = rights();
      const how = { user: NOBODY };
      assertEquals(codeOf(() => openForeignFile(secret, how)), "EACCES");
      openForeignFile(open, how).close();
      assertEquals(
        codeOf(() => openForeignFile(open, { ...how, writable: true })),
        "EACCES",
      );
      Deno.chmodSync(at.path, 0o700);
      assertEquals(codeOf(() => openForeignFile(open, how)), "EACCES");
      assertEquals(codeOf(() => foreignStatus(open, how)), "EACCES");
      assertEquals(rights(), before);
      openForeignFile(secret).close();
    }),
});

Deno.test("a memfd of a process is opened", () =>
  withoutLeaks(() => {
    using memfd = createMemfd("state");
    memfd.writeAll(new TextEncoder().encode("state"));
    using file = openForeignMemfd(Deno.pid, memfd.number);
    assertEquals(new TextDecoder().decode(file.readAll(LIMIT)), "state");
  }));

Deno.test("a file with the name of a memfd is refused", () =>
  withoutLeaks(async () => {
    using at = folder();
    const path = `${at.path}/memfd:state`;
    Deno.writeTextFileSync(path, "");
    using file = Fd.open(path, O_RDWR);
    Deno.removeSync(path);
    assertEquals(
      codeOf(() => openForeignMemfd(Deno.pid, file.number)),
      "EINVAL",
    );
    await make("mkfifo", path);
    using fifo = Fd.open(path, O_RDWR);
    Deno.removeSync(path);
    assertThrows(
      () => openForeignMemfd(Deno.pid, fifo.number),
      WrongKindError,
      "It is a FIFO",
    );
  }));
