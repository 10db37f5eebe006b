/**
 * Every mode through every channel, with a guest that runs and one that is
 * paused: each cell moves the guest, or is refused with the error that is told
 * here, and leaves it as it was.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Pipe } from "../../ffi/pipe.ts";
import { Fd } from "../../ffi/fd.ts";
import { parseUri } from "../../lib/channel/mod.ts";
import { CprIncoming } from "../../lib/machine/cpr_incoming.ts";
import {
  MIGRATION_MODES,
  type MigrationMode,
} from "../../lib/migration/mod.ts";
import { DEADLINE_MS, Lab, runState } from "../../testing/machine/mod.ts";
import { listening } from "../../testing/program/listening.ts";
import { inTime, until } from "../../testing/program/until.ts";
import { Local } from "./local.ts";

/** The channels; FOLDER is the test's own, PORT a free one. */
const CHANNELS = [
  "file:FOLDER/state",
  "file:FOLDER/state,offset=4096",
  "fd:passed",
  "exec:FIFO",
  "unix:FOLDER/s",
  "tcp:127.0.0.1:PORT",
  "tcp:[::1]:PORT",
  "vsock:2:1",
  "rdma:host:1",
] as const;

/** Why a cell is refused; undefined if it is not. */
function refusal(mode: MigrationMode, channel: string): string | undefined {
  const isFile = channel.startsWith("file:");
  if (mode === "cpr-exec" && !isFile) return "is not a file: it could not take";
  if (mode === "cpr-transfer" && isFile) {
    return "The main channel of cpr-transfer is a file";
  }
  const isUnknown = /^(vsock|rdma):/.test(channel);
  return isUnknown ? "is not supported by this machine" : undefined;
}

/** Both ends of a channel, by their URIs. */
function ends(
  channel: string,
  folder: string,
): { outgoing: string; incoming: string } {
  const uri = channel.replace("FOLDER", folder).replace("PORT", freePort);
  if (channel !== "exec:FIFO") return { outgoing: uri, incoming: uri };
  const fifo = `${folder}/fifo`;
  const made = new Deno.Command("mkfifo", { args: [fifo] }).outputSync();
  assert(made.success);
  return { outgoing: `exec:cat > ${fifo}`, incoming: `exec:cat ${fifo}` };
}

/** A port of both IPv4 and IPv6 on which nobody listens. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "::", port: 0 });
  return `${listener.addr.port}`;
}

async function move(
  mode: MigrationMode,
  channel: string,
  paused: boolean,
  folder: string,
): Promise<void> {
  using source = new Local();
  const { machine } = source;
  await source.ticks();
  if (paused) machine.pause();
  machine.parameters.mode = mode;
  using pipe = Pipe.make();
  machine.descriptors.set("passed", Fd.adopt(pipe.writer.release()));
  const { outgoing, incoming } = ends(channel, folder);
  const path = `${folder}/cpr.sock`;
  const cpr = parseUri(`unix:${path}`);
  const main = parseUri(outgoing);
  const words = refusal(mode, channel);
  if (words !== undefined) {
    machine.parameters["cpr-exec-command"] = ["/bin/true"];
    const start = async () => await machine.outgoing.start({ main, cpr });
    await assertRejects(start, Error, words);
    assertEquals(machine.runState, paused ? "paused" : "running");
    if (!paused) await source.ticks();
    return;
  }

  const received = mode === "cpr-transfer"
    ? CprIncoming.receive(path)
    : undefined;
  if (received !== undefined) await listening(path, DEADLINE_MS);
  const isFile = channel.startsWith("file:");
  const finished = async () => {
    await inTime("it ends", DEADLINE_MS, machine.outgoing.settled());
    assertEquals(machine.outgoing.failure, undefined);
    assertEquals(machine.runState, "postmigrate");
  };
  const go = () => machine.outgoing.start({ main, cpr });
  if (received !== undefined || isFile) await go();
  if (isFile) await finished();
  using transfer = await received;
  using destination = new Local(["-incoming", "defer"], transfer);
  const there = destination.machine;
  there.descriptors.set("passed", Fd.adopt(pipe.reader.release()));
  there.startIncoming(parseUri(incoming), false);
  if (received === undefined && !isFile) await go();
  if (!isFile) await finished();
  await until(
    "it is loaded",
    DEADLINE_MS,
    () => ["completed", "failed"].includes(there.incoming.status),
  );
  assertEquals(there.incoming.failure, undefined);
  assertEquals(there.runState, paused ? "paused" : "running");
  if (paused) {
    assertEquals(destination.ram, source.ram);
    there.cont();
  }
  await destination.ticks();
}

for (const mode of MIGRATION_MODES) {
  for (const channel of CHANNELS) {
    if (mode === "cpr-exec" && refusal(mode, channel) === undefined) continue;
    for (const paused of [false, true]) {
      const guest = paused ? "paused" : "running";
      Deno.test(`${mode} through ${channel}, ${guest}`, async () => {
        const folder = await Deno.makeTempDir({ prefix: "cprctl-matrix-" });
        try {
          await move(mode, channel, paused, folder);
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      });
    }
  }
}

// The exec needs a process of its own.
for (const offset of ["", ",offset=4096"]) {
  Deno.test(`cpr-exec through file:FOLDER/state${offset}`, async () => {
    await using lab = await Lab.open();
    const vm = lab.start();
    let qmp = await vm.connect();
    const uri = `file:${vm.stateFile}${offset}`;
    for (const state of ["running", "paused"]) {
      if (state === "paused") await qmp.execute("stop");
      await qmp.execute("migrate-set-parameters", {
        mode: "cpr-exec",
        "cpr-exec-command": [...vm.argv, "-incoming", uri],
      });
      await qmp.execute("migrate", { uri });
      await inTime("the program was replaced", DEADLINE_MS, qmp.closed);
      qmp = await vm.connect();
      await until(
        `it is ${state}`,
        DEADLINE_MS,
        async () => await runState(qmp) === state,
      );
    }
  });
}
