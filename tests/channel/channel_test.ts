import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { Pipe } from "../../ffi/pipe.ts";
import {
  Channel,
  ChannelError,
  type ChannelOptions,
  type MigrationAddress,
  parseUri,
} from "../../lib/channel/mod.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";

/** Larger than what a pipe or a pair of sockets takes unread. */
const bytes = crypto.getRandomValues(new Uint8Array(65_536));
const LONG = new Uint8Array(16 * 1024 * 1024);
const IMPATIENT = { timeoutMs: 100 };

/** A folder that is there as long as the call. */
async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "cprctl-channel-" });
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function send(
  address: MigrationAddress,
  options: ChannelOptions = {},
  what: Uint8Array = bytes,
): Promise<void> {
  using channel = Channel.open(address, "outgoing", options);
  await channel.connect();
  await channel.write(what.subarray(0, 5));
  await channel.write(what.subarray(5));
  await channel.finish();
}

async function receive(channel: Channel): Promise<Uint8Array> {
  using _closed = channel;
  await channel.connect();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const piece = await channel.read();
    if (piece.length === 0) break;
    pieces.push(piece);
  }
  await channel.finish();
  return await new Blob(pieces).bytes();
}

function incoming(uri: string, options?: ChannelOptions): Channel {
  return Channel.open(parseUri(uri), "incoming", options);
}

/** The options that have a descriptor by the name "passed". */
function passing(fd: Fd): ChannelOptions {
  return { takeDescriptor: (name) => name === "passed" ? fd : undefined };
}

test("what is written to a file is read, for the owner alone", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    Deno.writeTextFileSync(path, "0123456789 and what is cut off");
    Deno.chmodSync(path, 0o600);
    await send(parseUri(`file:${path},offset=4`));
    assertEquals(Deno.readFileSync(path).subarray(4), bytes);
    assertEquals(await receive(incoming(`file:${path},offset=4`)), bytes);
    Deno.removeSync(path);
    await send(parseUri(`file:${path}`));
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  }));

test("a socket listens, takes one connection, and leaves no file", () =>
  withFolder(async (folder) => {
    for (const uri of [`unix:${folder}/s`, "tcp:127.0.0.1:0", "tcp:[::1]:0"]) {
      using channel = incoming(uri);
      const address = channel.listensAt;
      assert(address !== undefined);
      const received = receive(channel);
      await send(address);
      assertEquals(await received, bytes, uri);
      await assertRejects(() => send(address), ChannelError, "Failed to conn");
      assertEquals([...Deno.readDirSync(folder)], []);
    }
  }));

test("a socket that a dead program left is replaced, a file is not", () =>
  withFolder(async (folder) => {
    const path = `${folder}/s`;
    await new Deno.Command(Deno.execPath(), {
      args: [
        ...["eval", "Deno.listen({transport:'unix',path:Deno.args[0]});"],
        "Deno.kill(Deno.pid, 'SIGKILL')",
        path,
      ],
    }).output();
    Deno.writeTextFileSync(`${folder}/file`, "precious");
    incoming(`unix:${path}`).close();
    assertThrows(() => incoming(`unix:${folder}/file`), ChannelError, "in use");
  }));

test("a command reads and writes, and must succeed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    await send(parseUri(`exec:cat > ${path}`));
    assertEquals(await receive(incoming(`exec:cat ${path}`)), bytes);
    const failing = parseUri("exec:cat > /dev/null; exit 3");
    await assertRejects(
      () => send(failing),
      ChannelError,
      "The command failed: 3",
    );
    const torn = () => receive(incoming(`exec:cat ${path}; exit 4`));
    await assertRejects(torn, ChannelError, "The command failed: 4");
    // It does not read: the pipe is full, then closed.
    await assertRejects(
      () => send(parseUri("exec:exit 0"), {}, LONG),
      ChannelError,
      "Broken pipe",
    );
  }));

test("a descriptor is used up, and must be no file", async () => {
  using pipe = Pipe.make();
  const address = parseUri("fd:passed");
  const writing = send(address, passing(Fd.adopt(pipe.writer.release())));
  const reading = receive(
    incoming("fd:passed", passing(Fd.adopt(pipe.reader.release()))),
  );
  await writing;
  assertEquals(await reading, bytes);

  const memfd = createMemfd("stream");
  const toFile = () => Channel.open(address, "outgoing", passing(memfd));
  assertThrows(toFile, ChannelError, "fd: migration to a file is not supp");
  assert(memfd.closed);
  const open = (uri: string) => Channel.open(parseUri(uri), "outgoing");
  assertThrows(() => open("fd:other"), ChannelError, "named 'other' has not");
  // One that this process has opened itself is nobody's to give.
  using own = createMemfd("own");
  assertThrows(() => open(`fd:${own.number}`), ChannelError, "not been found");
});

test("an inherited descriptor is used by its number", async () => {
  using pipe = Pipe.make();
  const number = pipe.writer.release();
  Fd.adopt(number).setCloexec(false);
  const writing = send(parseUri(`fd:${number}`));
  const reader = Fd.adopt(pipe.reader.release());
  const reading = receive(incoming("fd:passed", passing(reader)));
  await writing;
  assertEquals(await reading, bytes);
});

test("a peer that reads slowly gets everything", () =>
  withFolder(async (folder) => {
    using channel = incoming(`unix:${folder}/s`);
    const sent = send(parseUri(`unix:${folder}/s`), IMPATIENT, LONG);
    await channel.connect();
    let count = 0;
    for (;;) {
      const { length } = await channel.read();
      if (length === 0) break;
      count += length;
      // Other work has its turn between two reads.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await sent;
    assertEquals(count, LONG.length);
  }));

test("a peer that reads nothing, hangs or resets is an error in time", () =>
  withFolder(async (folder) => {
    for (const uri of [`unix:${folder}/s`, "tcp:127.0.0.1:0"]) {
      using hung = incoming(uri);
      const address = hung.listensAt;
      assert(address !== undefined);
      const sent = send(address, IMPATIENT, LONG);
      await hung.connect();
      await assertRejects(() => sent, ChannelError, "Connection timed out");

      using reset = incoming(uri);
      const there = reset.listensAt;
      assert(there !== undefined);
      const lost = send(there, {}, LONG);
      await reset.connect();
      reset.close();
      await assertRejects(() => lost, ChannelError, "Could not write");
    }
    using pipe = Pipe.make();
    const full = passing(pipe.writer.dup());
    await assertRejects(
      () => send(parseUri("fd:passed"), { ...full, ...IMPATIENT }, LONG),
      ChannelError,
      "Connection timed out",
    );
    await assertRejects(
      () => send(parseUri("exec:sleep 60"), IMPATIENT, LONG),
      ChannelError,
      "Connection timed out",
    );
  }));

test("closing a channel ends its wait", () =>
  withFolder(async (folder) => {
    using pipe = Pipe.make();
    const idle = [
      incoming(`unix:${folder}/s`),
      incoming("tcp:127.0.0.1:0"),
      incoming("exec:sleep 60"),
      incoming("fd:passed", passing(pipe.reader.dup())),
    ];
    for (const channel of idle) {
      const waits = assertRejects(() => receive(channel), ChannelError);
      // After it has begun to wait.
      await Promise.resolve();
      channel.close();
      await waits;
    }
  }));

test("what cannot be used is closed, and said in words", () =>
  withFolder(async (folder) => {
    const fifo = `${folder}/fifo`;
    assert(
      (await new Deno.Command("mkfifo", { args: [fifo] }).output()).success,
    );
    const cases: [string, string][] = [
      ["file:/dev/null", "is not a file"],
      [`file:${fifo}`, "is not a file"],
      [`file:${folder}/x/y`, "Could not create"],
      [`file:${folder}`, "EISDIR"],
      ["rdma:h:1", '"rdma:h:1" is not supported by this machine'],
      ["vsock:2:1", '"vsock:2:1" is not supported by this machine'],
    ];
    for (const [uri, words] of cases) {
      const open = () => Channel.open(parseUri(uri), "outgoing");
      assertThrows(open, ChannelError, words);
    }
    const opened: [string, string][] = [
      [`file:${folder}/no`, "Could not open"],
      ["file:/dev", "is not a file"],
      ["vsock:2:1", "is not supported by this machine"],
      [`unix:${folder}/x/y`, "No such file or directory"],
    ];
    for (const [uri, words] of opened) {
      assertThrows(() => incoming(uri), ChannelError, words);
    }
    const unreachable: [string, string][] = [
      [`unix:${folder}/no`, "No such file or directory"],
      ["tcp:127.0.0.1:1", "Connection refused"],
      ["tcp:no.such.invalid:1", "Failed to connect to"],
      ["tcp:127.0.0.1:70000", '"70000" is not a port'],
    ];
    for (const [uri, words] of unreachable) {
      await assertRejects(() => send(parseUri(uri)), ChannelError, words);
    }
  }));
