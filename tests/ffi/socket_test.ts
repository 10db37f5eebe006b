import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { descriptorIsOpen, duplicate, Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { getLimit, setLimit } from "../../ffi/limits.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { UnixListener, UnixSocket } from "../../ffi/socket.ts";
import { spawn } from "../../ffi/spawn.ts";
import { withoutLeaks } from "./leaks.ts";
import { program, soon } from "./processes.ts";

const LONG_MS = 30_000;
const utf8 = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function codeOf(call: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(call, OsError)).code;
}

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "cprctl-socket-" });
  try {
    await test(`${directory}/socket`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("both sides send, and see the end of the stream", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      using listener = UnixListener.listen(path);
      using client = await UnixSocket.connect(path, LONG_MS);
      using server = await listener.accept(LONG_MS);
      await client.send(utf8.encode("question"), LONG_MS);
      assertEquals(text(await server.receive(100, LONG_MS)), "question");
      await server.send(utf8.encode("answer"), LONG_MS);
      assertEquals(text(await client.receive(3, LONG_MS)), "ans");
      assertEquals(text(await client.receive(100, LONG_MS)), "wer");
      client.finish();
      assertEquals((await server.receive(100, LONG_MS)).length, 0);
      await server.send(utf8.encode("late"), LONG_MS);
      assertEquals(text(await client.receive(100, LONG_MS)), "late");
    })
  ));

Deno.test("after a refusal, earlier bytes are received, then the end", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    await right.send(utf8.encode("early"), LONG_MS);
    left.refuseMore();
    assertEquals(text(await left.receive(100, LONG_MS)), "early");
    assertEquals((await left.receive(100, LONG_MS)).length, 0);
    assertEquals(
      await codeOf(() => right.send(utf8.encode("late"), LONG_MS)),
      "EPIPE",
    );
  }));

Deno.test("a refusal ends a pending receive", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    const received = left.receive(100, LONG_MS);
    left.refuseMore();
    assertEquals((await received).length, 0);
  }));

Deno.test("sockets are close-on-exec", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      using listener = UnixListener.listen(path);
      using client = await UnixSocket.connect(path, LONG_MS);
      using server = await listener.accept(LONG_MS);
      const [left, right] = UnixSocket.pair();
      using _left = left;
      using _right = right;
      for (const { number } of [listener, client, server, left, right]) {
        using copy = Fd.adopt(duplicate(number).release());
        assert(copy.cloexec);
        const flags = Deno.readTextFileSync(`/proc/self/fdinfo/${number}`);
        assert(/^flags:\s+02\d*4\d{3}$/m.test(flags), flags);
      }
    })
  ));

Deno.test("descriptors travel with the bytes", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    using one = createMemfd("one");
    using two = createMemfd("two");
    two.writeAll(utf8.encode("content"));
    await left.send(utf8.encode("take"), LONG_MS, [one.number, two.number]);
    const { bytes, descriptors } = await right.receiveWithDescriptors(
      100,
      LONG_MS,
    );
    assertEquals(text(bytes), "take");
    assertEquals(descriptors.length, 2);
    const [first, second] = descriptors;
    assert(first !== undefined && second !== undefined);
    using _first = first;
    using _second = second;
    assertEquals(first.stat().ino, one.stat().ino);
    assert(first.cloexec && second.cloexec);
    second.seek(0);
    assertEquals(text(second.readAll(100)), "content");

    await left.send(utf8.encode("nothing"), LONG_MS);
    const plain = await right.receiveWithDescriptors(100, LONG_MS);
    assertEquals([text(plain.bytes), plain.descriptors.length], ["nothing", 0]);
  }));

Deno.test("the most descriptors that Linux allows travel at once, no more", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    using file = createMemfd("many");
    const all = new Array<number>(253).fill(file.number);
    await left.send(Uint8Array.of(1), LONG_MS, all);
    const { descriptors } = await right.receiveWithDescriptors(1, LONG_MS);
    assertEquals(descriptors.length, 253);
    for (const fd of descriptors) fd.close();
    assertEquals(
      await codeOf(() =>
        left.send(Uint8Array.of(1), LONG_MS, [...all, file.number])
      ),
      "EINVAL",
    );
    assertEquals(
      await codeOf(() => left.send(Uint8Array.of(1), LONG_MS, [999_999])),
      "EBADF",
    );
    await assertRejects(
      () => left.send(new Uint8Array(), LONG_MS, [file.number]),
      RangeError,
    );
  }));

Deno.test("descriptors that were not requested are closed", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    const before = [...Deno.readDirSync("/proc/self/fd")].length;
    using file = createMemfd("unwanted");
    await left.send(utf8.encode("surprise"), LONG_MS, [
      file.number,
      file.number,
    ]);
    assertEquals(text(await right.receive(100, LONG_MS)), "surprise");
    assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before + 1);
  }));

Deno.test("a lack of room for descriptors is an error", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    using file = createMemfd("crowd");
    const limit = getLimit("NOFILE");
    await left.send(utf8.encode("x"), LONG_MS, [
      file.number,
      file.number,
      file.number,
    ]);
    const next = duplicate(file.number);
    const soft = BigInt(next.number + 2);
    next.close();
    setLimit("NOFILE", { ...limit, soft });
    try {
      assertEquals(
        await codeOf(() => right.receiveWithDescriptors(10, LONG_MS)),
        "EMSGSIZE",
      );
    } finally {
      setLimit("NOFILE", limit);
    }
  }));

Deno.test("the peer's process and user are known, and its end", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      using listener = UnixListener.listen(path);
      using child = spawn(program("connect", path), {
        descriptors: new Map([[2, 2]]),
      });
      using server = await listener.accept(LONG_MS);
      assertEquals(server.peerCredentials(), {
        pid: child.pid,
        uid: Deno.uid() ?? -1,
        gid: Deno.gid() ?? -1,
      });
      assertEquals(server.peerHasEnded(), false);
      await server.send(utf8.encode("go"), LONG_MS);
      assertEquals(await child.wait(LONG_MS), { code: 0, signal: null });
      assertEquals(server.peerHasEnded(), true);
    })
  ));

Deno.test("more than a socket holds is sent as the other side reads", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    const data = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7);
    const sent = left.send(data, LONG_MS).then(() => left.finish());
    const received = new Uint8Array(data.length);
    let length = 0;
    for (;;) {
      const bytes = await right.receive(50_000, LONG_MS);
      if (bytes.length === 0) break;
      received.set(bytes, length);
      length += bytes.length;
    }
    await sent;
    assertEquals(length, data.length);
    assert(received.every((byte, i) => byte === data[i]));
  }));

Deno.test("descriptors go with the first byte only", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    using _right = right;
    using file = createMemfd("once");
    const data = new Uint8Array(3_000_000);
    const sent = left.send(data, LONG_MS, [file.number])
      .then(() => left.finish());
    const counts: number[] = [];
    for (;;) {
      const { bytes, descriptors } = await right.receiveWithDescriptors(
        100_000,
        LONG_MS,
      );
      for (const fd of descriptors) fd.close();
      if (bytes.length === 0) break;
      counts.push(descriptors.length);
    }
    await sent;
    const [first, ...later] = counts;
    assertEquals(first, 1);
    assert(later.length > 1 && later.every((count) => count === 0));
  }));

Deno.test("every wait has its deadline", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      using listener = UnixListener.listen(path);
      assertEquals(await codeOf(() => listener.accept(10)), "ETIMEDOUT");
      const [left, right] = UnixSocket.pair();
      using _left = left;
      using _right = right;
      assertEquals(await codeOf(() => left.receive(1, 10)), "ETIMEDOUT");
      assertEquals(
        await codeOf(() => left.send(new Uint8Array(10_000_000), 10)),
        "ETIMEDOUT",
      );
    })
  ));

Deno.test("a socket that would block its other owners is not blocked on", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _right = right;
    const fd = duplicate(left.number);
    left[Symbol.dispose]();
    fd.setNonblocking(false);
    using blocking = new UnixSocket(fd);
    assertEquals(await codeOf(() => blocking.receive(1, 10)), "ETIMEDOUT");
  }));

Deno.test("closing ends waits", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      const listener = UnixListener.listen(path);
      const [left, right] = UnixSocket.pair();
      using _right = right;
      const ends = [
        codeOf(() => listener.accept(LONG_MS)),
        codeOf(() => left.receive(1, LONG_MS)),
      ];
      listener[Symbol.dispose]();
      left[Symbol.dispose]();
      assertEquals(await soon(Promise.all(ends)), ["ECANCELED", "ECANCELED"]);
      assertEquals(await codeOf(() => left.receive(1, 0)), "EBADF");
      assertEquals(await codeOf(() => listener.accept(0)), "EBADF");
      assertThrows(() => left.number, OsError);
    })
  ));

Deno.test("the end of the peer is an error", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _left = left;
    await left.send(utf8.encode("unread"), LONG_MS);
    right[Symbol.dispose]();
    assertEquals(await codeOf(() => left.receive(1, LONG_MS)), "ECONNRESET");
    assertEquals(await codeOf(() => left.send(utf8.encode("x"), 0)), "EPIPE");
  }));

Deno.test("connecting to a full listener waits for room", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      using listener = UnixListener.listen(path, 0);
      using first = await UnixSocket.connect(path, LONG_MS);
      assertEquals(
        await codeOf(() => UnixSocket.connect(path, 30)),
        "ETIMEDOUT",
      );
      const waiting = UnixSocket.connect(path, LONG_MS);
      using _server = await listener.accept(LONG_MS);
      using second = await waiting;
      using server = await listener.accept(LONG_MS);
      await second.send(utf8.encode("second"), LONG_MS);
      assertEquals(text(await server.receive(10, LONG_MS)), "second");
      assert(descriptorIsOpen(first.number));
    })
  ));

Deno.test("the end of a listener ends a wait for room", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      const listener = UnixListener.listen(path, 0);
      using _first = await UnixSocket.connect(path, LONG_MS);
      const waiting = UnixSocket.connect(path, LONG_MS);
      listener[Symbol.dispose]();
      assertEquals(await codeOf(() => waiting), "ECONNREFUSED");
    })
  ));

Deno.test("invalid paths are refused with a message", () =>
  withoutLeaks(() =>
    withPath(async (path) => {
      const error = await assertRejects(
        () => UnixSocket.connect(path, LONG_MS),
        OsError,
      );
      assertEquals(
        error.message,
        `Cannot connect "${path}": No such file or directory (ENOENT)`,
      );
      {
        using _listener = UnixListener.listen(path);
        assertEquals(
          assertThrows(() => UnixListener.listen(path), OsError).code,
          "EADDRINUSE",
        );
      }
      assertEquals(
        await codeOf(() => UnixSocket.connect(path, LONG_MS)),
        "ECONNREFUSED",
      );
      const longest = `/tmp/${"x".repeat(102)}`;
      assertEquals(
        await codeOf(() => UnixSocket.connect(longest, LONG_MS)),
        "ENOENT",
      );
      assertEquals(
        await codeOf(() => UnixSocket.connect(`${longest}x`, LONG_MS)),
        "ENAMETOOLONG",
      );
      await assertRejects(
        () => UnixSocket.connect("/tmp/\0", LONG_MS),
        TypeError,
      );
    })
  ));

Deno.test("the mode of a socket does not depend on the umask", () =>
  withoutLeaks(() =>
    withPath((path) => {
      const before = Deno.umask(0);
      try {
        using _listener = UnixListener.listen(path, 16, 0o600);
        assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
        assertEquals(Deno.umask(), 0);
      } finally {
        Deno.umask(before);
      }
      return Promise.resolve();
    })
  ));
