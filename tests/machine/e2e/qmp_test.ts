/** The monitor as a client of QEMU's knows it, byte for byte on its socket. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  isObject,
  type Json,
  type JsonObject,
  parseJson,
  QmpCommandError,
  stringifyJson,
} from "../../../lib/qmp/mod.ts";
import { VERSION } from "../../../lib/version.ts";
import { inTime } from "../../../testing/program/until.ts";
import {
  DEADLINE_MS,
  enable,
  Lab,
  reached,
  runState,
  type Vm,
} from "../../../testing/machine/mod.ts";

/** A client that hides nothing: lines out, lines in. */
class RawClient implements Disposable {
  readonly #connection: Deno.UnixConn;
  readonly #lines: AsyncIterator<string>;

  constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
    this.#lines = linesOf(connection);
  }

  /** Connects once the machine listens. */
  static async to(vm: Vm): Promise<RawClient> {
    await (await vm.connect()).close();
    return RawClient.again(vm);
  }

  static async again(vm: Vm): Promise<RawClient> {
    return new RawClient(
      await Deno.connect({ transport: "unix", path: vm.qmpPath }),
    );
  }

  async send(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  /** The next message. */
  async next(): Promise<JsonObject> {
    const line = await inTime("a line came", DEADLINE_MS, this.#lines.next());
    const message = line.done ? null : parseJson(line.value);
    assert(isObject(message), "The connection ended");
    return message;
  }

  /** The message that comes after what is sent. */
  async ask(request: JsonObject | string): Promise<JsonObject> {
    await this.send(
      typeof request === "string" ? request : stringifyJson(request),
    );
    return await this.next();
  }

  /** Reads the greeting and negotiates. */
  async negotiate(): Promise<void> {
    await this.next();
    assertEquals(await this.ask({ execute: "qmp_capabilities" }), {
      return: {},
    });
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Lines as QMP ends them. */
async function* linesOf(connection: Deno.UnixConn): AsyncGenerator<string> {
  const buffer = new Uint8Array(65536);
  let text = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    text += new TextDecoder().decode(buffer.subarray(0, count));
    const lines = text.split("\r\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

function errorOf(reply: JsonObject): [Json | undefined, string] {
  const error = reply["error"];
  assert(isObject(error), stringifyJson(reply));
  assertEquals(Object.keys(error).toSorted(), ["class", "desc"]);
  return [error["class"], String(error["desc"])];
}

Deno.test("greeting, negotiation, ids and errors are QEMU's", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  using client = await RawClient.to(vm);
  const [major = 0, minor = 0, micro = 0] = VERSION.split(".").map(Number);
  assertEquals(await client.next(), {
    QMP: {
      version: {
        qemu: { major, minor, micro },
        package: `cprctl ${VERSION}`,
      },
      capabilities: [],
    },
  });
  const early = await client.ask({ execute: "query-status", id: 1 });
  assertEquals(early["id"], 1);
  const [errorClass, words] = errorOf(early);
  assertEquals(errorClass, "CommandNotFound");
  assertStringIncludes(words, "qmp_capabilities");
  assertEquals(await client.ask({ execute: "qmp_capabilities" }), {
    return: {},
  });

  for (
    const id of [0, "text", null, true, [1, "2"], { a: { b: null } }, 2n ** 63n]
  ) {
    const { id: repeated, return: reply } = await client.ask({
      execute: "query-name",
      id,
    });
    assertEquals([repeated, reply], [id, {}]);
  }
  assertEquals("id" in await client.ask({ execute: "query-name" }), false);

  const unknown = await client.ask({ execute: "query-nonsense", id: "x" });
  assertEquals(unknown["id"], "x");
  assertEquals(errorOf(unknown), [
    "CommandNotFound",
    "The command query-nonsense has not been found",
  ]);

  const wrong: [JsonObject, RegExp][] = [
    [{ execute: "query-status", arguments: { x: 1 } }, /'x' is unexpected/],
    [{ execute: "query-status", extra: 1 }, /'extra' is unexpected/],
    [{ execute: 7 }, /'execute' must be a string/],
    [{ arguments: {} }, /lacks member 'execute'/],
    [{ execute: "migrate", arguments: { uri: 7 } }, /'uri', expected: string/],
    [{ execute: "migrate", arguments: [] }, /'arguments' must be an object/],
    [{ execute: "migrate-continue" }, /'state' is missing/],
    [
      { execute: "migrate-set-parameters", arguments: { mode: "cpr" } },
      /'mode' does not accept value 'cpr'/,
    ],
    [
      {
        execute: "migrate-set-parameters",
        arguments: { "cpr-exec-command": "a b" },
      },
      /'cpr-exec-command', expected: array/,
    ],
    [
      {
        execute: "migrate-set-capabilities",
        arguments: { capabilities: [{ capability: "multifd", state: true }] },
      },
      /not supported/,
    ],
    [
      {
        execute: "migrate-set-parameters",
        arguments: { "max-bandwidth": -1 },
      },
      /'max-bandwidth' expects uint64/,
    ],
    [{ execute: "qmp_capabilities" }, /already complete/],
  ];
  for (const [request, pattern] of wrong) {
    const [, desc] = errorOf(await client.ask(request));
    assertMatch(desc, pattern);
  }
  const tooLarge = '{"execute": "query-name", "id": 1e400}\n';
  for (const junk of ["nonsense\n", "[]\n", "{]\n", "\xff\n", tooLarge]) {
    errorOf(await client.ask(junk));
  }
  // Two in one write, answered in their order.
  await client.send(
    '{"execute":"query-name","id":1}{"execute":"query-uuid","id":2}',
  );
  assertEquals((await client.next())["id"], 1);
  assertEquals((await client.next())["id"], 2);
});

Deno.test("events carry the time, in their order", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  using client = await RawClient.to(vm);
  await client.negotiate();
  const sent = ["stop", "stop", "cont", "cont", "stop"];
  for (const execute of sent) await client.send(stringifyJson({ execute }));
  const events: JsonObject[] = [];
  for (let replies = 0; replies < sent.length;) {
    const message = await client.next();
    if ("event" in message) events.push(message);
    else replies++;
  }
  assertEquals(events.map(({ event }) => event), ["STOP", "RESUME", "STOP"]);
  let last = 0;
  for (const event of events) {
    assertEquals(Object.keys(event).toSorted(), ["event", "timestamp"]);
    const time = event["timestamp"];
    assert(isObject(time));
    const { seconds, microseconds } = time;
    assert(Number.isSafeInteger(seconds) && Number.isSafeInteger(microseconds));
    const now = Number(seconds) * 1e6 + Number(microseconds);
    assert(Number(microseconds) < 1e6 && now >= last);
    last = now;
  }
});

Deno.test("a second client waits, and is served when the first goes", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const first = await RawClient.to(vm);
  await first.negotiate();
  using second = await RawClient.again(vm);
  let served = false;
  const greeting = second.next().then((message) => {
    served = true;
    return message;
  });
  for (let turn = 0; turn < 20; turn++) {
    assert("return" in await first.ask({ execute: "query-status" }));
  }
  assertEquals(served, false);
  first[Symbol.dispose]();
  assert("QMP" in await greeting);
  // Negotiation is each client's own, and events are for the one served.
  const [errorClass] = errorOf(await second.ask({ execute: "query-name" }));
  assertEquals(errorClass, "CommandNotFound");
});

/** Every query of the machine: what a QEMU answers, names and types. */
const QUERIES: Record<string, Json> = {
  "query-status": { status: "running", running: true },
  "query-version": {
    qemu: { major: 0, minor: 0, micro: 0 },
    package: "",
  },
  "query-name": { name: "one" },
  "query-uuid": { UUID: "00112233-4455-6677-8899-aabbccddeeff" },
  "query-migrate": {},
  "query-migrate-parameters": {
    mode: "normal",
    "cpr-exec-command": [],
    "max-bandwidth": 0,
    "downtime-limit": 0,
  },
  "query-migrate-capabilities": [{ capability: "events", state: false }],
  "query-memdev": [{
    id: "ram0",
    size: 0,
    share: true,
    merge: false,
    dump: true,
    prealloc: false,
    policy: "default",
    "host-nodes": [],
  }],
  "query-block": [],
  "query-cpus-fast": [{
    "cpu-index": 0,
    "qom-path": "",
    "thread-id": 0,
    target: "riscv32",
  }],
};

/** A value with its numbers, texts and list lengths taken out. */
function shapeOf(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (!isObject(value)) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [name, shapeOf(it)]),
  );
}

Deno.test("every query answers in QEMU's shape", async () => {
  await using lab = await Lab.open();
  const uuid = "00112233-4455-6677-8899-aabbccddeeff";
  const vm = lab.start({ more: ["-name", "one", "-uuid", uuid] });
  const qmp = await vm.connect();
  for (const [command, expected] of Object.entries(QUERIES)) {
    const reply = await qmp.execute(command);
    assertEquals(shapeOf(reply), shapeOf(expected), command);
  }
  for (const exact of ["query-status", "query-name", "query-uuid"]) {
    assertEquals(await qmp.execute(exact), QUERIES[exact] ?? null);
  }
  const [cpu] = list(await qmp.execute("query-cpus-fast"));
  assertEquals(cpu?.["thread-id"], vm.pid);
  const [ram] = list(await qmp.execute("query-memdev"));
  assertEquals([ram?.["id"], ram?.["size"]], ["ram0", 1024 * 1024]);
});

/** The objects of a list. */
function list(reply: Json): JsonObject[] {
  return Array.isArray(reply) ? reply.filter(isObject) : [];
}

Deno.test("what is set is what is asked back", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  const command = ["/bin/sh", "-c", "a b", ""];
  await qmp.execute("migrate-set-parameters", {
    mode: "cpr-reboot",
    "cpr-exec-command": command,
    "downtime-limit": 7,
    "max-bandwidth": 2n ** 63n,
  });
  const parameters = await qmp.execute("query-migrate-parameters");
  assert(isObject(parameters));
  assertEquals(parameters["mode"], "cpr-reboot");
  assertEquals(parameters["cpr-exec-command"], command);
  assertEquals(parameters["downtime-limit"], 7);
  assertEquals(parameters["max-bandwidth"], 2n ** 63n);
  await qmp.execute("migrate-set-parameters", {});
  assertEquals(await qmp.execute("query-migrate-parameters"), parameters);

  const on = async () =>
    list(await qmp.execute("query-migrate-capabilities"))
      .filter(({ state }) => state === true)
      .map(({ capability }) => capability);
  assertEquals(await on(), []);
  await enable(qmp, "pause-before-switchover", "events");
  const both = ["events", "pause-before-switchover"];
  assertEquals(await on(), both);
  // All of a list, or nothing of it.
  for (const name of ["multifd", "nonsense"]) {
    await assertRejects(() => enable(qmp, "validate-uuid", name));
    assertEquals(await on(), both);
  }
  using watch = qmp.watch();
  await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
  await reached(watch, "pre-switchover");
  await assertRejects(
    () => enable(qmp, "validate-uuid"),
    QmpCommandError,
    "There's a migration process in progress",
  );
  assertEquals(await on(), both);
});

Deno.test("human-monitor-command speaks the human monitor's language", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: ["-name", "one"] });
  const qmp = await vm.connect();
  const says = async (line: string) =>
    await qmp.execute("human-monitor-command", { "command-line": line });
  assertEquals(await says("info status"), "VM status: running\r\n");
  assertEquals(await says("stop"), "");
  assertEquals(await says("info status"), "VM status: paused\r\n");
  assertEquals(await says("info name"), "one\r\n");
  // What QEMU tells of, and this machine has none of.
  for (const none of ["network", "usernet"]) {
    assertEquals(await says(`info ${none}`), "");
  }
  for (const none of ["nonsense", "toString"]) {
    const command = `info ${none}`;
    assertEquals(await says(command), `unknown command: '${command}'\r\n`);
  }
  assertStringIncludes(String(await says("info")), "info status -- ");
  assertEquals(await says("nonsense"), "unknown command: 'nonsense'\r\n");
  assertEquals(
    await says("migrate_set_parameter"),
    "Error: Usage: migrate_set_parameter PARAMETER VALUE\r\n",
  );
  assertEquals(
    await says("migrate_set_parameter cpr-exec-command a 'b c' \"d"),
    'Error: Quote " is not closed\r\n',
  );
  await says("migrate_set_parameter cpr-exec-command a 'b c' d");
  await says(`migrate_set_parameter max-bandwidth ${2n ** 63n}`);
  const parameters = await qmp.execute("query-migrate-parameters");
  assert(isObject(parameters));
  assertEquals(parameters["cpr-exec-command"], ["a", "b c", "d"]);
  assertEquals(parameters["max-bandwidth"], 2n ** 63n);
  assertStringIncludes(String(await says("help")), "migrate_set_parameter");
  assertEquals(await says("migrate_set_capability events on"), "");
  assertEquals(await says("cont"), "");
  assertEquals(await says("info status"), "VM status: running\r\n");
});

Deno.test("human-monitor-command does not wait for a migration", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events", "pause-before-switchover");
  using watch = qmp.watch();
  assertEquals(
    await qmp.execute("human-monitor-command", {
      "command-line": `migrate file:${vm.stateFile}`,
    }),
    "terminal does not allow synchronous migration, continuing detached\r\n",
  );
  await reached(watch, "pre-switchover");
  await qmp.execute("migrate_cancel");
  assertEquals(await runState(qmp), "running");
});
