import { assertEquals, assertRejects } from "@std/assert";
import { duplicate, Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { endWaiting, listensAt, shutDown } from "../../ffi/foreign_socket.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { UnixListener, UnixSocket } from "../../ffi/socket.ts";

const TIMEOUT_MS = 5_000;

Deno.test("only a listening socket has a path", async () => {
  const folder = await Deno.makeTempDir();
  using listener = UnixListener.listen(`${folder}/a.sock`);
  using held = duplicate(listener.number);
  assertEquals(listensAt(held), `${folder}/a.sock`);
  using client = await UnixSocket.connect(listener.path, TIMEOUT_MS);
  using connected = duplicate(client.number);
  assertEquals(listensAt(connected), undefined);
  using file = Fd.open("/dev/null", 0);
  assertEquals(listensAt(file), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("waiting connections are closed, and later ones accepted", async () => {
  const folder = await Deno.makeTempDir();
  using listener = UnixListener.listen(`${folder}/a.sock`);
  using held = duplicate(listener.number);
  endWaiting(held, 10);
  const connect = () => UnixSocket.connect(listener.path, TIMEOUT_MS);
  using first = await connect();
  using second = await connect();
  endWaiting(held, 1);
  assertEquals((await first.receive(1, TIMEOUT_MS)).length, 0);
  endWaiting(held, 10);
  assertEquals((await second.receive(1, TIMEOUT_MS)).length, 0);
  const error = await assertRejects(() => listener.accept(0), OsError);
  assertEquals(error.code, "ETIMEDOUT");
  using third = await connect();
  using _accepted = await listener.accept(TIMEOUT_MS);
  third.finish();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a file that is no socket is left alone", () => {
  using memfd = createMemfd("no-socket");
  shutDown(memfd);
  assertEquals(memfd.stat().isFile, true);
});
