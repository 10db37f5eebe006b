/**
 * A VM's program that is not to be trusted: its monitor is a real one, of an
 * embedded machine, with somebody in between who lies.
 *
 *     hostile.ts TRICK SOCKET machine OPTION…
 *
 * The words from "machine" on are those of the real one.
 */

import type { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { PidFd } from "../../../ffi/process.ts";
import {
  CPR_EXEC_STATE,
  type CprState,
  decodeCprState,
  encodeCprState,
} from "../../../lib/cpr/mod.ts";
import { removeDeadSocket } from "../../../lib/gone.ts";
import { JsonFramer } from "../../../lib/qmp/framer.ts";
import { sleep } from "../../../lib/sleep.ts";
import { cprStateOf } from "../../../testing/qemu/mod.ts";
import { SELF } from "../../../testing/update/cprctl.ts";

const [trick = "", socket = "", ...words] = Deno.args;
const behind = `${socket}.honest`;
const utf8 = new TextEncoder();

const EVENT = (name: string, data: unknown) =>
  JSON.stringify({
    event: name,
    data,
    timestamp: { seconds: 1, microseconds: 1 },
  }) + "\n";

const honest = startHonest();
/** Stay open, as what they hold has to. */
const held: Fd[] = [];

function startHonest(): Deno.ChildProcess {
  const [program = "", ...args] = SELF;
  return new Deno.Command(program, {
    args: [...args, ...words, "-qmp", `unix:${behind},server=on,wait=off`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

interface Command {
  readonly execute: string;
  readonly id?: number;
  readonly arguments?: { readonly uri?: string };
}

type Write = (text: string) => Promise<void>;

/** Leaves a word for whoever wants to know whether the trick was played. */
function note(): void {
  Deno.writeTextFileSync(`${socket}.played`, "");
}

/** "silent@migrate" is the trick "silent" at the command "migrate". */
const [what, where] = trick.split("@");

/** Of lists: one that is taken as it is, and one that is too long for that. */
const LENGTHS = { many: 50_000, crowd: 200_000 };

/** As if to another client. */
const FOREIGN_REPLY = `{"return": {}, "id": 123456}\n`;

/** Lies; false where the truth is to be told. */
async function lie(command: Command, write: Write): Promise<boolean> {
  if (command.execute !== where) return false;
  note();
  const reply = (value: unknown) =>
    write(JSON.stringify({ return: value, id: command.id }) + "\n");
  switch (what) {
    case "silent":
      return true;
    case "flood":
      for (;;) await write(EVENT("STOP", {}).repeat(100));
    case "noise":
      for (;;) {
        await write(EVENT("NOISE", {}).repeat(100));
        await sleep(1);
      }
    case "endless":
      await write(`{"id": ${command.id}, "return": "`);
      for (;;) await write("x".repeat(1 << 16));
    case "slow":
      await write(`{"id": ${command.id}, "return": "`);
      for (;;) {
        await write("x");
        await sleep(100);
      }
    case "deep":
      await write("[".repeat(100_000));
      return true;
    case "foreign":
      await write(FOREIGN_REPLY);
      return true;
    case "owing":
      for (;;) await write(FOREIGN_REPLY.repeat(100));
    case "many":
    case "crowd":
      await reply(Array.from({ length: LENGTHS[what] }, (_, index) => ({
        name: `m${index}`,
        type: "child<memory-backend-file>",
      })));
      return true;
    case "unsettled":
      await reply({ running: false, status: "finish-migrate" });
      for (let count = 0; count < 100; count++) {
        await write(EVENT("RESUME", {}));
      }
      return true;
    default:
      return false;
  }
}

/** What this process has open, as the CPR state should have it. */
function ownState(): CprState {
  using process = PidFd.open(honest.pid);
  const state = decodeCprState(cprStateOf(honest.pid));
  return {
    ...state,
    descriptors: state.descriptors.map((entry) => {
      const fd = process.getFd(entry.descriptor);
      held.push(fd);
      return { ...entry, descriptor: fd.number };
    }),
  };
}

/** What the CPR state says, by the trick. */
function forged(state: CprState): Uint8Array {
  const [first] = state.descriptors;
  if (first === undefined) throw new Error("The machine has no memory");
  switch (what) {
    case "cpr-garbage":
      return crypto.getRandomValues(new Uint8Array(4096));
    case "cpr-twice":
      return encodeCprState({
        ...state,
        descriptors: [...state.descriptors, { ...first, name: "again" }],
      });
    case "cpr-unknown":
      return encodeCprState({
        ...state,
        descriptors: [{ ...first, descriptor: 99_999 }],
      });
    case "cpr-negative":
      return encodeCprState({
        ...state,
        descriptors: [{ ...first, descriptor: -5 }],
      });
    case "cpr-many":
      return encodeCprState({
        ...state,
        descriptors: Array.from({ length: 10_000 }, (_, id) => ({
          ...first,
          id,
        })),
      });
    case "cpr-torn":
      return encodeCprState(state).subarray(0, 20);
    default:
      return encodeCprState(state);
  }
}

/** At pre-switchover: the memory seems to be this process's own. */
function forge(uri: string): void {
  const memfd = createMemfd(CPR_EXEC_STATE);
  held.push(memfd);
  memfd.writeAll(forged(ownState()));
  if (what === "cpr-sparse") memfd.truncate(2 ** 40);
  const path = uri.replace(/^file:/, "");
  if (what === "state-sparse") Deno.truncateSync(path, 2 ** 40);
  if (what === "state-empty") Deno.truncateSync(path, 0);
  if (what === "state-garbage") {
    Deno.writeFileSync(path, new Uint8Array(4096).fill(7));
  }
}

async function connectBehind(): Promise<Deno.UnixConn> {
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path: behind });
    } catch {
      // Not there yet; whoever started us ends us in time.
      await sleep(5);
    }
  }
}

async function serve(client: Deno.UnixConn): Promise<void> {
  const server = await connectBehind();
  let uri = "";
  const write: Write = async (text) => {
    let bytes = utf8.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(await client.write(bytes));
  };
  const answers = (async () => {
    for await (const text of messages(server)) {
      if (text.includes('"pre-switchover"')) forge(uri);
      await write(`${text}\n`);
    }
  })();
  const commands = (async () => {
    for await (const text of messages(client)) {
      const command = JSON.parse(text) as Command;
      uri = command.arguments?.uri ?? uri;
      if (!await lie(command, write)) {
        await server.write(utf8.encode(text));
      }
    }
  })();
  await Promise.race([answers, commands].map((it) => it.catch(() => {})));
  if (what === "moves" && uri !== "") {
    note();
    listener.close();
  }
  // However it ended: the honest one serves one client at a time.
  server.close();
  client.close();
}

async function* messages(connection: Deno.UnixConn): AsyncGenerator<string> {
  const framer = new JsonFramer({ maxBytes: 1 << 26, maxDepth: 1024 });
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    for (const frame of framer.push(buffer.subarray(0, count))) {
      if (frame.kind === "message") {
        yield new TextDecoder().decode(frame.bytes);
      }
    }
  }
}

// A rollback starts this once more: then the socket is there already.
removeDeadSocket(socket);
const listener = Deno.listen({ transport: "unix", path: socket });
for await (const client of listener) serve(client);
// It moved; what this process holds, it goes on holding.
await new Promise(() => setInterval(() => {}, 60_000));
