import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { duplicate } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { getLimit, setLimit } from "../../ffi/limits.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { poll, POLLIN, pollNow, POLLOUT, Waker } from "../../ffi/poll.ts";
import { UnixSocket } from "../../ffi/socket.ts";
import { WaitableFd } from "../../ffi/waitable_fd.ts";
import { withoutLeaks } from "./leaks.ts";
import { soon } from "./processes.ts";

const LONG_MS = 60_000;
const POLLHUP = 0x010;
const POLLNVAL = 0x020;

Deno.test("readiness is reported for each descriptor", () =>
  withoutLeaks(() => {
    using idle = new Waker();
    using woken = new Waker();
    using file = createMemfd("ready");
    woken.wake();
    assertEquals(
      pollNow([
        { fd: idle.number, events: POLLIN },
        { fd: woken.number, events: POLLIN | POLLOUT },
        { fd: file.number, events: POLLIN },
        { fd: 999_999, events: POLLIN },
      ]),
      [0, POLLIN | POLLOUT, POLLIN, POLLNVAL],
    );
    assertEquals(pollNow([]), []);
  }));

Deno.test("a wait ends with an event, and does not block the program", () =>
  withoutLeaks(async () => {
    using first = new Waker();
    using second = new Waker();
    let ended = false;
    const wait = poll([
      { fd: first.number, events: POLLIN },
      { fd: second.number, events: POLLIN },
    ], LONG_MS).finally(() => ended = true);
    await new Promise((resolve) => setTimeout(resolve));
    assert(!ended);
    second.wake();
    assertEquals(await wait, [0, POLLIN]);
  }));

Deno.test("a wait ends when its time is over", () =>
  withoutLeaks(async () => {
    using idle = new Waker();
    const entries = [{ fd: idle.number, events: POLLIN }];
    assertEquals(await poll(entries, 20), [0]);
    assertEquals(await poll(entries, 0), [0]);
    assertEquals(await poll(entries, -5), [0]);
  }));

Deno.test("many waits at the same time do not hinder each other", () =>
  withoutLeaks(async () => {
    const wakers = Array.from({ length: 40 }, () => new Waker());
    const waits = wakers.map(({ number }) =>
      poll([{ fd: number, events: POLLIN }], LONG_MS)
    );
    for (const waker of wakers.toReversed()) waker.wake();
    for (const ready of await Promise.all(waits)) assertEquals(ready, [POLLIN]);
    for (const waker of wakers) waker[Symbol.dispose]();
  }));

Deno.test("a permanent error of a wait has its errno", () =>
  withoutLeaks(async () => {
    const limit = getLimit("NOFILE");
    const entries = new Array(300).fill({ fd: -1, events: POLLIN });
    setLimit("NOFILE", { ...limit, soft: 256n });
    try {
      const error = await assertRejects(() => poll(entries, LONG_MS), OsError);
      assertEquals([error.code, error.syscall], ["EINVAL", "poll"]);
    } finally {
      setLimit("NOFILE", limit);
    }
  }));

Deno.test("closing ends a wait", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using _right = right;
    using fd = new WaitableFd(createCopy(left));
    const ends = [1, 2].map(async () =>
      (await assertRejects(() => fd.wait(POLLIN, LONG_MS), OsError)).code
    );
    fd[Symbol.dispose]();
    assertEquals(await soon(Promise.all(ends)), ["ECANCELED", "ECANCELED"]);
    assertEquals(assertThrows(() => fd.number, OsError).code, "EBADF");
    await assertRejects(() => fd.wait(POLLIN, 0), OsError);
  }));

/** The descriptor of a socket, which is closed. */
function createCopy(socket: UnixSocket) {
  using _socket = socket;
  return duplicate(socket.number);
}

Deno.test("a wait reports the close of the other end without request", () =>
  withoutLeaks(async () => {
    const [left, right] = UnixSocket.pair();
    using fd = new WaitableFd(createCopy(left));
    const wait = fd.wait(0, LONG_MS);
    right[Symbol.dispose]();
    assertEquals(await wait, POLLHUP);
  }));
