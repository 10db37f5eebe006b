import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  command,
  CommandFailure,
  type Json,
  type JsonObject,
  optional,
  parseJson,
  QmpBusyError,
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpListenError,
  QmpServer,
  text,
} from "../../lib/qmp/mod.ts";

import { Session } from "./fake_peer.ts";

const VERSION = { major: 11, minor: 1, micro: 2, package: "test" };
const PATIENT = { timeoutMs: 20_000 };
const NEGOTIATE = `{"execute": "qmp_capabilities"}\n`;

const COMMANDS = new Map([
  ["stop", command({}, () => {})],
  ["echo", command({ text: optional(text()) }, (args) => args.text ?? null)],
  [
    "refuse",
    command({}, () => {
      throw new CommandFailure("Not today", "DeviceNotFound");
    }),
  ],
  [
    "break",
    command({}, () => {
      throw new TypeError("x is not a function");
    }),
  ],
]);

/** A server on a unix socket in a directory of its own. */
class Monitor implements AsyncDisposable {
  readonly #directory = Deno.makeTempDirSync();
  readonly address = { path: `${this.#directory}/qmp.sock` };
  readonly server: QmpServer;

  constructor(commands = COMMANDS) {
    this.server = new QmpServer({ version: VERSION, commands });
    this.server.listen(this.address);
  }

  /** What the server says to these bytes, the greeting left out. */
  async talk(input: string | Uint8Array, replies: number): Promise<Json[]> {
    using raw = await Deno.connect({ transport: "unix", ...this.address });
    let text = "";
    const lines = async (count: number) => {
      const buffer = new Uint8Array(65536);
      while (text.split("\n").length <= count) {
        const read = await raw.read(buffer);
        assert(read !== null, `The server hung up after: ${text}`);
        text += new TextDecoder().decode(buffer.subarray(0, read));
      }
      return text.split("\r\n").slice(1, count);
    };
    await lines(1);
    const bytes = typeof input === "string"
      ? new TextEncoder().encode(input)
      : input;
    const writing = (async () => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await raw.write(rest));
    })();
    const answers = await lines(1 + replies);
    await writing;
    return answers.map(parseJson);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function refusal(desc: string, errorClass = "GenericError"): JsonObject {
  return { error: { class: errorClass, desc } };
}

Deno.test("client and server: version, commands, refusals, events", async () => {
  await using monitor = new Monitor();
  await using client = await QmpClient.connect(monitor.address, PATIENT);
  assertEquals(client.version, VERSION);
  assertEquals(await client.execute("stop"), {});
  assertEquals(await client.execute("echo", { text: "ä\n😀" }), "ä\n😀");
  assertEquals(
    await Promise.all(
      ["a", "b", "c"].map((text) => client.execute("echo", { text })),
    ),
    ["a", "b", "c"],
  );
  const refused = await assertRejects(
    () => client.execute("refuse"),
    QmpCommandError,
  );
  assertEquals(refused.errorClass, "DeviceNotFound");
  assertEquals(refused.description, "Not today");
  const broken = await assertRejects(
    () => client.execute("break"),
    QmpCommandError,
  );
  assertEquals(broken.description, "x is not a function");

  using watch = client.watch();
  const before = Date.now() - 1;
  monitor.server.emit("STOP");
  monitor.server.emit("MIGRATION", { status: "setup", big: 2n ** 62n });
  const stop = await watch.next("STOP", PATIENT);
  const migration = await watch.next("MIGRATION", PATIENT);
  assertEquals(stop.data, {});
  assertEquals(migration.data, { status: "setup", big: 2n ** 62n });
  const { seconds, microseconds } = migration.timestamp;
  assert(Number.isInteger(microseconds) && microseconds < 1_000_000);
  assert(seconds * 1000 + microseconds / 1000 >= before);
});

Deno.test("commands run in the process itself too", async () => {
  await using monitor = new Monitor();
  assertEquals(await monitor.server.execute("echo", { text: "x" }), "x");
  await assertRejects(
    () => monitor.server.execute("nothing"),
    CommandFailure,
    "The command nothing has not been found",
  );
});

Deno.test("nothing but the negotiation comes first, and it comes once", async () => {
  await using monitor = new Monitor();
  assertEquals(
    await monitor.talk(
      `{"execute": "stop", "id": 1}${NEGOTIATE}${NEGOTIATE}{"execute": "stop"}`,
      4,
    ),
    [
      {
        id: 1,
        ...refusal(
          "Expecting capabilities negotiation with 'qmp_capabilities'",
          "CommandNotFound",
        ),
      },
      { return: {} },
      refusal(
        "Capabilities negotiation is already complete, command ignored",
        "CommandNotFound",
      ),
      { return: {} },
    ],
  );
});

Deno.test("a client gets no events before it has negotiated", async () => {
  await using monitor = new Monitor();
  using client = new Session(
    await Deno.connect({ transport: "unix", ...monitor.address }),
  );
  assertStringIncludes(await client.message() ?? "", `"QMP"`);
  monitor.server.emit("STOP");
  await client.send(NEGOTIATE);
  assertEquals(await client.message(), `{"return":{}}`);
  monitor.server.emit("RESUME");
  assertStringIncludes(await client.message() ?? "", `"RESUME"`);
});

Deno.test("any id is echoed, in errors too", async () => {
  await using monitor = new Monitor();
  const ids = [0, -1, "x", null, [1], { a: 2n ** 60n }];
  const input = ids.map((_, index) =>
    `{"execute": "${index % 2 ? "none" : "stop"}", "id": ` +
    `${["0", "-1", `"x"`, "null", "[1]", `{"a": 1152921504606846976}`][index]}}`
  ).join("\n");
  const replies = await monitor.talk(NEGOTIATE + input, 1 + ids.length);
  assertEquals(
    replies.slice(1).map((reply) =>
      reply !== null && typeof reply === "object" && "id" in reply && reply.id
    ),
    ids,
  );
});

for (
  const [what, input, answer] of [
    ["an array", "[1]", refusal("QMP input must be a JSON object")],
    ["no command", `{"id": 7}`, {
      id: 7,
      ...refusal("QMP input lacks member 'execute'"),
    }],
    [
      "a command that is no string",
      `{"execute": 1}`,
      refusal("QMP input member 'execute' must be a string"),
    ],
    [
      "arguments that are no object",
      `{"execute": "stop", "arguments": []}`,
      refusal("QMP input member 'arguments' must be an object"),
    ],
    [
      "an unknown member",
      `{"execute": "stop", "exec-oob": 1}`,
      refusal("QMP input member 'exec-oob' is unexpected"),
    ],
    [
      "an unknown command",
      `{"execute": "toString"}`,
      refusal("The command toString has not been found", "CommandNotFound"),
    ],
    [
      "an unknown argument",
      `{"execute": "stop", "arguments": {"x": 1}}`,
      refusal("Parameter 'x' is unexpected"),
    ],
    [
      "an argument of another type",
      `{"execute": "echo", "arguments": {"text": 1}}`,
      refusal("Invalid parameter type for 'text', expected: string"),
    ],
    [
      "words",
      "info status",
      refusal(
        `JSON parse error at byte 32: "i" where a message should start`,
      ),
    ],
    [
      "an unterminated string",
      `{"execute": "stop`,
      refusal(`JSON parse error at byte 49: byte 0x0a inside a string`),
    ],
    [
      "brackets without end",
      "[".repeat(2000),
      refusal(`JSON parse error at byte 1056: more than 1024 nested brackets`),
    ],
    [
      "nine megabytes",
      `{"execute": "${"x".repeat(9 << 20)}"}`,
      refusal(
        `JSON parse error at byte 8388640: a message longer than 8388608 bytes`,
      ),
    ],
  ] as const
) {
  Deno.test(`a client sends ${what}: an error, and the next is understood`, async () => {
    await using monitor = new Monitor();
    const next = `\n{"execute": "echo", "id": "next"}\n`;
    assertEquals(await monitor.talk(NEGOTIATE + input + next, 3), [
      { return: {} },
      answer,
      { return: null, id: "next" },
    ]);
  });
}

Deno.test("invalid JSON and invalid UTF-8 get an error each", async () => {
  await using monitor = new Monitor();
  const input = [
    ...new TextEncoder().encode(`{"execute": }{"`),
    0xff,
    ...new TextEncoder().encode(`": 1}\n{"execute": "stop"}`),
  ];
  const replies = await monitor.talk(new Uint8Array(input), 3);
  assert(JSON.stringify(replies[0]).includes("JSON parse error at byte 0"));
  assertEquals(replies[1], refusal("JSON parse error at byte 13: not UTF-8"));
  assert(JSON.stringify(replies[2]).includes("Expecting capabilities"));
});

Deno.test("one client at a time; the next is served when it leaves", async () => {
  await using monitor = new Monitor();
  const first = await QmpClient.connect(monitor.address, PATIENT);
  await assertRejects(
    () => QmpClient.connect(monitor.address, { timeoutMs: 50 }),
    QmpBusyError,
  );
  const second = QmpClient.connect(monitor.address, PATIENT);
  await first.close();
  await using client = await second;
  assertEquals(await client.execute("stop"), {});
});

Deno.test("a client that leaves in the middle of a command harms nobody", async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  await using monitor = new Monitor(
    new Map([...COMMANDS, ["slow", command({}, () => gone)]]),
  );
  const client = await QmpClient.connect(monitor.address, PATIENT);
  const slow = assertRejects(() => client.execute("slow"), QmpClosedError);
  await client.close();
  await slow;
  resolve();
  await using next = await QmpClient.connect(monitor.address, PATIENT);
  assertEquals(await next.execute("stop"), {});
});

Deno.test("a client that does not read is cut off, not buffered for ever", async () => {
  await using monitor = new Monitor();
  const client = await QmpClient.connect(monitor.address, PATIENT);
  const deaf = await Deno.connect({ transport: "unix", ...monitor.address });
  await client.close();
  await deaf.write(new TextEncoder().encode(NEGOTIATE));
  const text = "x".repeat(1 << 20);
  let left = false;
  using probe = await Deno.connect({ transport: "unix", ...monitor.address });
  const greeted = probe.read(new Uint8Array(1024)).then(() => left = true);
  while (!left) {
    monitor.server.emit("NOISE", { text });
    await new Promise((resolve) => setTimeout(resolve));
  }
  await greeted;
  deaf.close();
});

Deno.test("closing answers what runs, ends connections, removes the socket", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  await using monitor = new Monitor(
    new Map([["quit", command({}, () => resolve())]]),
  );
  const client = await QmpClient.connect(monitor.address, PATIENT);
  using watch = client.watch();
  const quit = client.execute("quit");
  await asked;
  monitor.server.emit("SHUTDOWN", { guest: false });
  await monitor.server.close();
  assertEquals(await quit, {});
  assertEquals((await watch.next("SHUTDOWN", PATIENT)).data, { guest: false });
  const reason = await client.closed;
  assertInstanceOf(reason, QmpClosedError);
  assertEquals(reason.reason, "eof");
  assertThrows(
    () => Deno.lstatSync(monitor.address.path),
    Deno.errors.NotFound,
  );
});

Deno.test("flush waits for the kernel, but not for a deaf client", async () => {
  await using monitor = new Monitor();
  await using client = await QmpClient.connect(monitor.address, PATIENT);
  using watch = client.watch();
  monitor.server.emit("STOP");
  await monitor.server.flush(20_000);
  assertEquals((await watch.next("STOP", PATIENT)).name, "STOP");
  await client.close();

  using deaf = new Session(
    await Deno.connect({ transport: "unix", ...monitor.address }),
  );
  await deaf.message();
  await deaf.send(NEGOTIATE);
  assertEquals(await deaf.message(), `{"return":{}}`);
  const text = "x".repeat(1 << 20);
  for (let count = 0; count < 8; count++) {
    monitor.server.emit("NOISE", { text });
  }
  await monitor.server.flush(20);
});

Deno.test("a stale socket is replaced, anything else is left alone", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/qmp.sock`;
  const child = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });
       Deno.kill(Deno.pid, "SIGKILL")`,
    ],
  }).output();
  assertEquals(child.signal, "SIGKILL");
  assert(Deno.lstatSync(path).isSocket);
  await using server = new QmpServer({ version: VERSION, commands: COMMANDS });
  server.listen({ path });
  await (await QmpClient.connect({ path }, PATIENT)).close();

  const file = `${directory}/file`;
  await Deno.writeTextFile(file, "precious");
  assertThrows(() => server.listen({ path: file }), QmpListenError, file);
  assertThrows(
    () => server.listen({ path: `${directory}/none/qmp.sock` }),
    QmpListenError,
  );
  assertEquals(await Deno.readTextFile(file), "precious");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a TCP monitor, beside a unix one; the first client is noticed", async () => {
  await using monitor = new Monitor();
  const { address, connected } = monitor.server.listen({
    host: "127.0.0.1",
    port: 0,
  });
  await using unix = await QmpClient.connect(monitor.address, PATIENT);
  await using tcp = await QmpClient.connect(address, PATIENT);
  await connected;
  using unixWatch = unix.watch();
  using tcpWatch = tcp.watch();
  monitor.server.emit("STOP");
  await unixWatch.next("STOP", PATIENT);
  await tcpWatch.next("STOP", PATIENT);
});
