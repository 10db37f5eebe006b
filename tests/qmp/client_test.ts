import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY } from "../../ffi/open_flags.ts";
import { UnixListener, type UnixSocket } from "../../ffi/socket.ts";
import {
  type ConnectOptions,
  QmpBusyError,
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpProtocolError,
  QmpTimeoutError,
} from "../../lib/qmp/mod.ts";
import { MAX_WATCHED_EVENTS } from "../../lib/qmp/events.ts";
import { FakePeer, GREETING, Session } from "./fake_peer.ts";

/** Long enough never to matter, short enough to end a broken test. */
const PATIENT = { timeoutMs: 20_000 };
/** For what is to run out. */
const HASTY = { timeoutMs: 50 };

/** A negotiated connection, both ends. */
async function connected(
  peer: FakePeer,
  options: Partial<ConnectOptions> = {},
): Promise<{ client: QmpClient; session: Session }> {
  const connecting = QmpClient.connect(peer.address, {
    ...PATIENT,
    ...options,
  });
  const session = await peer.accept();
  await session.handshake();
  return { client: await connecting, session };
}

/** What the peer has sent when the handshake is over. */
const HANDSHAKE_BYTES = GREETING.length +
  `{"return": {}, "id": 4294967295}\r\n`.length;

function event(name: string, data = "{}"): string {
  return `{"timestamp": {"seconds": 1795379850, "microseconds": 462324}, ` +
    `"event": "${name}", "data": ${data}}\r\n`;
}

Deno.test("connect greets, negotiates and knows the version", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  assertEquals(client.version, {
    major: 11,
    minor: 1,
    micro: 2,
    package: "Debian 1:11.1.2+ds-3",
  });
  assertEquals(client.greeting.capabilities, ["oob"]);
  assertEquals(client.peer, {
    pid: Deno.pid,
    uid: Deno.uid() ?? -1,
    gid: Deno.gid() ?? -1,
  });
  await client.close();
  await client.close();
  assertEquals(await session.message(), undefined);
  session.close();
  const reason = await client.closed;
  assertInstanceOf(reason, QmpClosedError);
  assertEquals(reason.reason, "local");
  await assertRejects(() => client.execute("stop"), QmpClosedError);
});

Deno.test("a command carries its arguments and returns what came", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const reply = client.execute("qom-get", { path: "/", size: 2n ** 63n });
  const sent = await session.message() ?? "";
  const { id } = JSON.parse(sent);
  assertEquals(
    sent,
    `{"execute":"qom-get","id":${id},"arguments":{"path":"/","size":9223372036854775808}}`,
  );
  await session.send(`{"return": 9223372036854775807, "id": ${id}}\r\n`);
  assertEquals(await reply, 9223372036854775807n);
});

Deno.test("replies are matched by id, in any order and any chunks", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const replies = Promise.all([
    client.execute("query-name"),
    client.execute("query-uuid"),
    client.execute("query-status"),
  ]);
  const [a, b, c] = [
    await session.command(),
    await session.command(),
    await session.command(),
  ];
  await session.send(
    `{"id": ${c.id}, "return": "c"}\r\n${event("STOP")}{"return": "a", "id`,
  );
  await session.send(`": ${a.id}}{"return":\n "b", "id": ${b.id}}`);
  assertEquals(await replies, ["a", "b", "c"]);
});

Deno.test("an error reply keeps its class and text", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const refused = assertRejects(() => client.execute("migrate"));
  const { id } = await session.command();
  await session.send(
    `{"id": ${id}, "error": {"class": "GenericError", "desc": "need either 'uri' or 'channels' argument"}}`,
  );
  const error = await refused;
  assertInstanceOf(error, QmpCommandError);
  assertEquals(error.command, "migrate");
  assertEquals(error.errorClass, "GenericError");
  assertEquals(
    error.message,
    `Command "migrate" failed: need either 'uri' or 'channels' argument`,
  );
  const next = client.execute("query-status");
  await session.send(`{"id": ${(await session.command()).id}, "return": {}}`);
  assertEquals(await next, {});
});

Deno.test("an error without id belongs to the oldest command", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const first = assertRejects(() => client.execute("one"), QmpCommandError);
  const second = client.execute("two");
  await session.command();
  const { id } = await session.command();
  await session.send(
    `{"error": {"class": "GenericError", "desc": "JSON parse error"}}` +
      `{"return": 2, "id": ${id}}`,
  );
  await first;
  assertEquals(await second, 2);
});

Deno.test("a late reply is dropped and the connection stays usable", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const late = await assertRejects(
    () => client.execute("query-block", undefined, HASTY),
    QmpTimeoutError,
  );
  assertStringIncludes(late.message, `"query-block"`);
  assertStringIncludes(late.message, peer.address.path);
  const reply = client.execute("query-status");
  const [{ id }, next] = [await session.command(), await session.command()];
  await session.send(
    `{"return": "late", "id": ${id}}{"return": "now", "id": ${next.id}}`,
  );
  assertEquals(await reply, "now");
});

Deno.test("what is owed to another client is not taken for a reply", async () => {
  using peer = new FakePeer();
  const connecting = QmpClient.connect(peer.address, PATIENT);
  using session = await peer.accept();
  const owed = `{"return": {"status": "theirs"}, "id": 1}` +
    `{"return": {"status": "theirs"}, "id": "libvirt-2"}` +
    `{"return": {"status": "theirs"}}` +
    `{"id": 2, "error": {"class": "GenericError", "desc": "theirs"}}`;
  await session.send(event("STOP") + owed);
  await session.handshake();
  await using client = await connecting;
  const reply = client.execute("query-status");
  const { id } = await session.command();
  await session.send(`${owed}{"return": {"status": "ours"}, "id": ${id}}`);
  assertEquals(await reply, { status: "ours" });
});

Deno.test("two connections number their commands apart", async () => {
  using peer = new FakePeer();
  const ids: number[] = [];
  for (let time = 0; time < 2; time++) {
    const { client, session } = await connected(peer);
    const reply = client.execute("query-status");
    const { id } = await session.command();
    ids.push(id);
    await session.send(`{"return": {}, "id": ${id}}`);
    await reply;
    await client.close();
    session.close();
  }
  assert(ids[0] !== ids[1], `${ids}`);
});

Deno.test("half a command that the peer does not take ends the connection", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using _ = session;
  const large = { text: "x".repeat(16 * 1024 * 1024) };
  await assertRejects(
    () => client.execute("large", large, HASTY),
    QmpTimeoutError,
  );
  assertInstanceOf(await client.closed, QmpTimeoutError);
});

Deno.test("what JSON cannot say is not sent", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  await assertRejects(() => client.execute("x", { n: NaN }), TypeError);
  const reply = client.execute("query-status");
  const { execute, id } = await session.command();
  assertEquals(execute, "query-status");
  await session.send(`{"return": {}, "id": ${id}}`);
  assertEquals(await reply, {});
});

Deno.test("an aborted wait ends with the signal's reason", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const stop = new AbortController();
  const waiting = assertRejects(
    () =>
      client.execute("stop", undefined, { ...PATIENT, signal: stop.signal }),
    RangeError,
    "enough",
  );
  await session.command();
  stop.abort(new RangeError("enough"));
  await waiting;
});

/** Answers to a client that went before. */
function answers(count: number, value: string): string {
  return `{"return": "${value}", "id": "of another"}`.repeat(count);
}

/** As large as an event may be. */
function events(count: number): string {
  return event("RESET", `{"x": "${"x".repeat(60_000)}"}`).repeat(count);
}

for (
  const [what, bytes, problem] of [
    ["neither reply nor event", `{"id": 2}`, "neither a reply nor an event"],
    [
      "both return and error",
      `{"id": 2, "return": 1, "error": 1}`,
      "neither a reply",
    ],
    ["a second greeting", GREETING, "neither a reply nor an event"],
    ["an array", `[1, 2]`, "sent an array"],
    ["an event without a time", `{"event": "STOP"}`, "a malformed event"],
    [
      "an event of a megabyte",
      event("STOP", `{"x": "${"x".repeat(1 << 20)}"}`),
      "a malformed event",
    ],
    ["junk", `\r\nsegmentation fault`, `"s" where a message should start`],
    ["mismatched brackets", `{"return": [}}`, `at byte ${HANDSHAKE_BYTES}`],
    ["not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), "not UTF-8"],
    [
      "eight megabytes of answers to others",
      answers(9, "x".repeat(1 << 20)),
      "sent too many replies to earlier clients",
    ],
    ["megabytes of events", events(60), "sent too many events"],
    [
      "more values than a machine has parts",
      `{"return": [${"[],".repeat(300_000)}[]], "id": 1}`,
      "more than 262144 values",
    ],
    ["deep nesting", `{"return": ${"[".repeat(5000)}`, "1024 nested brackets"],
  ] as const
) {
  Deno.test(`the peer sends ${what}: the connection ends`, async () => {
    using peer = new FakePeer();
    const { client, session } = await connected(peer);
    using _ = session;
    using watch = client.watch();
    const command = assertRejects(
      () => client.execute("query-status", undefined, PATIENT),
      QmpProtocolError,
    );
    await session.command();
    // The client need not take all of it.
    const [error] = await Promise.all([
      command,
      session.send(bytes).catch((cause) => {
        if (!(cause instanceof Deno.errors.BrokenPipe)) throw cause;
      }),
    ]);
    assertStringIncludes(error.message, problem);
    assertEquals(await client.closed, error);
    await assertRejects(() => watch.next("STOP", PATIENT), QmpProtocolError);
  });
}

Deno.test("a message without end is cut off, not kept", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using _ = session;
  const flood = (async () => {
    const megabyte = new Uint8Array(1 << 20).fill(0x78);
    await session.send(`{"return": "`);
    for (;;) await session.send(megabyte);
  })();
  const error = await client.closed;
  assertInstanceOf(error, QmpProtocolError);
  assertStringIncludes(error.message, "longer than 8388608 bytes");
  await assertRejects(() => flood);
});

Deno.test("a monitor that is not read has to wait, and is read on", async () => {
  using peer = new FakePeer();
  using another = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  client.pause();
  const log: string[] = [];
  // More than a socket holds, and less than is owed to others at most.
  const flood = session.send(answers(4, "x".repeat(1 << 20)))
    .then(() => log.push("sent"));
  for (let round = 0; round < 10; round++) {
    const beside = await connected(another);
    beside.session.close();
    await beside.client.close();
  }
  log.push("read on");
  client.resume();
  await flood;
  assertEquals(log, ["read on", "sent"]);
  const answer = client.execute("query-name", undefined, PATIENT);
  await session.send(`{"return": 7, "id": ${(await session.command()).id}}`);
  assertEquals(await answer, 7);
});

Deno.test("a connection that is not read can be closed", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using _ = session;
  client.pause();
  await session.send(event("STOP"));
  await client.close();
  assertInstanceOf(await client.closed, QmpClosedError);
});

Deno.test("the peer hangs up: in between, or within a message", async () => {
  for (
    const [bytes, kind] of [
      ["", QmpClosedError],
      [event("STOP"), QmpClosedError],
      [`{"return": {`, QmpProtocolError],
    ] as const
  ) {
    using peer = new FakePeer();
    const { client, session } = await connected(peer);
    const command = assertRejects(() => client.execute("quit"));
    await session.command();
    await session.send(bytes);
    session.close();
    const error = await command;
    assertInstanceOf(error, kind);
    if (error instanceof QmpClosedError) assertEquals(error.reason, "eof");
    assertEquals(await client.closed, error);
  }
});

Deno.test("the peer hangs up on an unread command: reset", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  const command = assertRejects(() => client.execute("quit"), QmpClosedError);
  // Written before the first wait: it lies unread in the peer's socket.
  session.close();
  assert(["reset", "eof"].includes((await command).reason));
});

Deno.test("an event before the reply is found by a watch begun before", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  using watch = client.watch(["STOP", "MIGRATION"]);
  const reply = client.execute("migrate");
  const { id } = await session.command();
  await session.send(
    event("MIGRATION", `{"status": "setup"}`) + event("RTC_CHANGE") +
      event("STOP") + event("MIGRATION", `{"status": "active"}`) +
      `{"return": {}, "id": ${id}}`,
  );
  await reply;
  assertEquals(await watch.next("STOP", PATIENT), {
    name: "STOP",
    data: {},
    timestamp: { seconds: 1795379850, microseconds: 462324 },
  });
  const status = (wanted: string) => ({ data }: { data: object }) =>
    "status" in data && data.status === wanted;
  await assertRejects(
    () => watch.next(status("setup"), HASTY),
    QmpTimeoutError,
  );
  const active = await watch.next(status("active"), PATIENT);
  assertEquals(active.data, { status: "active" });
  assertEquals(watch.seen.map((it) => it.name), [
    "MIGRATION",
    "STOP",
    "MIGRATION",
  ]);
  const resumed = watch.next("MIGRATION", PATIENT);
  await session.send(event("MIGRATION", `{"status": "completed"}`));
  assertEquals((await resumed).data, { status: "completed" });
});

Deno.test("events before the end of the connection are still there after it", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using watch = client.watch();
  await session.send(event("SHUTDOWN"));
  session.close();
  await client.closed;
  assertEquals((await watch.next("SHUTDOWN", PATIENT)).name, "SHUTDOWN");
  await assertRejects(() => watch.next("RESUME", PATIENT), QmpClosedError);
  using late = client.watch();
  await assertRejects(() => late.next("RESUME", PATIENT), QmpClosedError);
});

Deno.test("a flood of events ends the connection of a watch, of nobody else", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using _ = session;
  const flood = event("STOP").repeat(MAX_WATCHED_EVENTS + 1);
  using bystander = client.watch(["RESUME"]);
  await session.send(flood + event("RESUME"));
  assertEquals((await bystander.next("RESUME", PATIENT)).name, "RESUME");
  using watch = client.watch();
  const flooding = session.send(flood).catch(() => {});
  assertInstanceOf(await client.closed, QmpProtocolError);
  assertEquals(watch.seen.length, MAX_WATCHED_EVENTS);
  await flooding;
});

Deno.test("nobody at the address", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/qmp.sock`;
  const failure = async (path: string) => {
    const { failure, message } = await assertRejects(
      () => QmpClient.connect({ path }, PATIENT),
      QmpConnectError,
    );
    return [failure, message.split(": ")[1]];
  };
  assertEquals(await failure(path), ["absent", "no such socket"]);
  Deno.listen({ transport: "unix", path }).close();
  await Deno.writeTextFile(path, "");
  assertEquals(await failure(path), ["refused", "it is a file, not a socket"]);
  assertEquals(
    await failure(directory),
    ["refused", "it is a directory, not a socket"],
  );
  await Deno.remove(directory, { recursive: true });

  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = await assertRejects(
    () => QmpClient.connect({ host: "127.0.0.1", port }, PATIENT),
    QmpConnectError,
  );
  assertEquals(refused.failure, "refused");
  assertEquals(
    refused.message,
    `Cannot connect to the monitor "127.0.0.1:${port}": no process listens there`,
  );
});

Deno.test("a TCP monitor works as well", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = QmpClient.connect({
    host: "127.0.0.1",
    port: listener.addr.port,
  }, PATIENT);
  using session = new Session(await listener.accept());
  await session.handshake();
  await using client = await connecting;
  assertEquals(client.peer, null);
});

Deno.test("the peer answers, but not as a monitor", async () => {
  for (const banner of ["QEMU 11.1.2 monitor - type 'help'\r\n(qemu) ", "{}"]) {
    using peer = new FakePeer();
    const connecting = assertRejects(
      () => QmpClient.connect(peer.address, PATIENT),
      QmpProtocolError,
    );
    using session = await peer.accept();
    await session.send(banner);
    await connecting;
  }
});

Deno.test("the peer drops the connection before the greeting", async () => {
  using peer = new FakePeer();
  const connecting = assertRejects(
    () => QmpClient.connect(peer.address, PATIENT),
    QmpConnectError,
  );
  (await peer.accept()).close();
  assertEquals((await connecting).failure, "dropped");
});

Deno.test("no greeting: the peer accepted us", async () => {
  using peer = new FakePeer();
  const accepting = peer.accept();
  const error = await assertRejects(
    () => QmpClient.connect(peer.address, HASTY),
    QmpTimeoutError,
  );
  (await accepting).close();
  assertStringIncludes(error.message, "it accepted the connection");
});

Deno.test("no answer to the negotiation", async () => {
  using peer = new FakePeer();
  const connecting = assertRejects(
    () => QmpClient.connect(peer.address, HASTY),
    QmpTimeoutError,
    "qmp_capabilities",
  );
  using session = await peer.accept();
  await session.send(GREETING);
  await connecting;
});

for (const offered of ["oob", "later"]) {
  Deno.test(`a monitor offers the capability "${offered}"`, async () => {
    using peer = new FakePeer();
    const connecting = QmpClient.connect(peer.address, PATIENT);
    using session = await peer.accept();
    await session.send(GREETING.replace("oob", offered));
    const sent = JSON.parse(await session.message() ?? "");
    assertEquals(
      sent.arguments,
      offered === "oob" ? { enable: ["oob"] } : undefined,
    );
    await session.send(`{"return": {}, "id": ${sent.id}}\r\n`);
    await using _ = await connecting;
  });
}

Deno.test("an early client sends commands behind the negotiation", async () => {
  using peer = new FakePeer();
  const early = { ...PATIENT, early: true };
  const connecting = QmpClient.connect(peer.address, early);
  using session = await peer.accept();
  await session.send(GREETING);
  await using client = await connecting;
  assertEquals(client.version.major, 11);
  const running = client.execute("query-status");
  const commands = [await session.command(), await session.command()];
  assertEquals(commands.map(({ execute }) => execute), [
    "qmp_capabilities",
    "query-status",
  ]);
  for (const { execute, id } of commands) {
    await session.send(`{"return": "${execute}", "id": ${id}}\r\n`);
  }
  assertEquals(await running, "query-status");
});

Deno.test("an early client is dropped: its commands fail", async () => {
  using peer = new FakePeer();
  const early = { ...PATIENT, early: true };
  const connecting = QmpClient.connect(peer.address, early);
  const session = await peer.accept();
  await session.send(GREETING);
  await using client = await connecting;
  const failing = assertRejects(
    () => client.execute("query-status"),
    QmpClosedError,
  );
  session.close();
  await failing;
});

Deno.test("no greeting: nobody is being served", async () => {
  using peer = new FakePeer();
  const error = await assertRejects(
    () => QmpClient.connect(peer.address, HASTY),
    QmpTimeoutError,
  );
  assertStringIncludes(error.message, "accepts no connection");
});

Deno.test("no greeting: the process is stopped", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/qmp.sock`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });
       console.log("listening");
       Deno.kill(Deno.pid, "SIGSTOP");
       Deno.stdin.readSync(new Uint8Array(1))`,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  await output.read();
  while (
    !(await Deno.readTextFile(`/proc/${child.pid}/stat`)).includes(") T")
  ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const error = await assertRejects(
    () => QmpClient.connect({ path }, HASTY),
    QmpTimeoutError,
  );
  assertStringIncludes(error.message, `process ${child.pid} is stopped`);
  assertEquals(error.remedy, `Continue it: kill -CONT ${child.pid}`);
  child.kill("SIGKILL");
  await child.status;
  await output.cancel();
  await child.stdin.abort();
  await Deno.remove(directory, { recursive: true });
});

/** Answers the command that was received. */
async function answer(
  server: UnixSocket,
  command: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { id } = JSON.parse(new TextDecoder().decode(command));
  const reply = new TextEncoder().encode(`{"return": {}, "id": ${id}}`);
  await server.send(reply, 20_000);
}

Deno.test("descriptors go with a command, and none leaks", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/qmp.sock`;
  using listener = UnixListener.listen(path);
  using log = await Deno.open(`${directory}/log`, {
    write: true,
    createNew: true,
  });
  await log.write(new TextEncoder().encode("hello"));
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = open();
  for (let round = 0; round < 3; round++) {
    const connecting = QmpClient.connect({ path }, PATIENT);
    using server = await listener.accept(20_000);
    await server.send(new TextEncoder().encode(GREETING), 20_000);
    await answer(server, await server.receive(4096, 20_000));
    await using client = await connecting;
    using file = Fd.open(`${directory}/log`, O_RDONLY);
    const reply = client.execute("getfd", { fdname: "log" }, {
      descriptors: [file.number],
    });
    const { bytes, descriptors: [received] } = await server
      .receiveWithDescriptors(4096, 20_000);
    assertStringIncludes(new TextDecoder().decode(bytes), "getfd");
    assert(received !== undefined);
    using _ = received;
    // QEMU would close what it has not taken yet.
    await assertRejects(
      () =>
        client.execute("getfd", { fdname: "next" }, {
          descriptors: [file.number],
        }),
      TypeError,
    );
    assertEquals(new TextDecoder().decode(received.readAll(100)), "hello");
    await answer(server, bytes);
    assertEquals(await reply, {});
  }
  assertEquals(open(), before);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("no greeting: another client is being served", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  await using _ = client;
  using __ = session;
  const error = await assertRejects(
    () => QmpClient.connect(peer.address, HASTY),
    QmpBusyError,
  );
  assertEquals(
    error.message,
    `Another client holds the monitor "${peer.address.path}"`,
  );
  assert(error.remedy !== undefined);
});

Deno.test("connecting again outlasts a dying listener", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/qmp.sock`;
  const connecting = QmpClient.connectAgain({ path }, PATIENT);
  // Refuses, accepts and drops, leaves callers unserved, and is gone.
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
  const dying = Deno.listen({ transport: "unix", path });
  (await dying.accept()).close();
  (await dying.accept()).close();
  dying.close();
  await Deno.remove(path).catch((error) =>
    assertInstanceOf(error, Deno.errors.NotFound)
  );
  using reborn = Deno.listen({ transport: "unix", path });
  using session = new Session(await reborn.accept());
  await session.handshake();
  await using client = await connecting;
  assertEquals(client.version.major, 11);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("connecting again ends at its deadline, with the last reason", async () => {
  const error = await assertRejects(
    () => QmpClient.connectAgain({ path: "/nonexistent/qmp.sock" }, HASTY),
    QmpConnectError,
  );
  assertEquals(error.failure, "absent");
});

Deno.test("a drained connection has told all that was said before", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  using watch = client.watch(["RESUME"]);
  await session.send(event("STOP") + event("RESUME"));
  await client.drain();
  assertEquals(watch.seen.length, 1);
  const end = await client.closed;
  assertInstanceOf(end, QmpClosedError);
  session.close();
});

Deno.test("commands end with their time budget", async () => {
  using peer = new FakePeer();
  const { client, session } = await connected(peer);
  let left = HASTY.timeoutMs;
  const bounded = client.within(() => left);
  await assertRejects(() => bounded.execute("query-name"), QmpTimeoutError);
  left = -1;
  await assertRejects(
    () => bounded.execute("query-name", undefined, PATIENT),
    QmpTimeoutError,
  );
  await client.close();
  session.close();
});

Deno.test("commands end with the connection's budget", async () => {
  using peer = new FakePeer();
  const end = performance.now() + HASTY.timeoutMs;
  let budget = Infinity;
  const { client, session } = await connected(peer, {
    budget: () => budget,
  });
  budget = end - performance.now();
  await assertRejects(() => client.execute("query-name"), QmpTimeoutError);
  await assertRejects(
    () => client.execute("query-name", undefined, PATIENT),
    QmpTimeoutError,
  );
  await client.close();
  session.close();
});
