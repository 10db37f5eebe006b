import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { Channel, ChannelError, parseUri } from "../../lib/channel/mod.ts";
import {
  IncomingMigration,
  MigrationCapabilities,
  MigrationError,
  OutgoingMigration,
} from "../../lib/migration/mod.ts";
import { decodeStream, mappedRuns } from "../../lib/migration/stream/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { openDescriptors } from "../../testing/program/descriptors.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";
import { FakeHost, setupOf } from "./fake_host.ts";

const BOGUS = "/nonexistent/program";
const PAUSE = [{ capability: "pause-before-switchover", state: true }];

/** A machine that is about to migrate, and a file to migrate to. */
function bench(host = new FakeHost()) {
  const directory = Deno.makeTempDirSync();
  const setup = setupOf(host);
  return {
    host,
    setup,
    migration: new OutgoingMigration(setup),
    file: `${directory}/vm.state`,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** Loads a stream into a machine. */
async function load(
  host: FakeHost,
  uri: string,
  origin: "stream" | "preserved" = "stream",
  capabilities = new MigrationCapabilities(),
) {
  const incoming = new IncomingMigration(host, origin, capabilities);
  const state = incoming.load(Channel.open(parseUri(uri), "incoming"));
  await state.catch(() => assertEquals(incoming.status, "failed"));
  return await state;
}

/** Descriptors of this process that are CPR state. */
function stateDescriptors(): number {
  return openDescriptors(Deno.pid)
    .filter(({ target }) => target.includes("QEMU_CPR_EXEC_STATE")).length;
}

test("mode normal: the events come in QEMU's order and the file loads", async () => {
  using it = bench();
  it.host.ram[5000] = 7;
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  assertEquals(it.host.log, ["setup"]);
  await it.migration.settled();
  assertEquals(it.host.log, [
    ...["setup", "active", "pass 2", "STOP", "device", "completed"],
  ]);
  assertEquals(it.host.runState, "postmigrate");

  const other = new FakeHost();
  other.runState = "inmigrate";
  other.device = { count: 0 };
  assertEquals(await load(other, `file:${it.file}`), "running");
  assertEquals(other.device, { count: 42 });
  assertEquals(other.ram, it.host.ram);
});

test("a file with an offset keeps what is before it", async () => {
  using it = bench();
  Deno.writeTextFileSync(it.file, "head and more");
  const uri = `file:${it.file},offset=5`;
  it.migration.start({ main: parseUri(uri) });
  await it.migration.settled();
  assertEquals(Deno.readTextFileSync(it.file).slice(0, 9), "head QEVM");
  const other = new FakeHost();
  assertEquals(await load(other, uri), "running");
});

test("cpr-exec without a command is refused before the VM stops", () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  assertThrows(
    () => it.migration.start({ main: parseUri(`file:${it.file}`) }),
    MigrationError,
    "cpr-exec mode requires setting cpr-exec-command",
  );
  assertEquals(it.host.log, []);
});

test("a channel that cannot take all data is refused at once", () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  for (const uri of ["exec:cat", "unix:/x", "tcp:h:1", "vsock:1:2"]) {
    assertThrows(
      () => it.migration.start({ main: parseUri(uri) }),
      ChannelError,
      "not a file",
    );
  }
  assertEquals(it.host.log, []);
  const fifo = `${it.file}.fifo`;
  const made = new Deno.Command("mkfifo", { args: [fifo] }).outputSync();
  assert(made.success);
  for (const path of [fifo, "/dev/null", Deno.cwd()]) {
    assertThrows(
      () => it.migration.start({ main: parseUri(`file:${path}`) }),
      ChannelError,
    );
    assertEquals(it.host.log.splice(0), ["setup", "failed"]);
  }
  assertEquals(it.host.runState, "running");
});

test("a file that cannot be created fails the migration", async () => {
  using it = bench();
  const start = () =>
    it.migration.start({ main: parseUri("file:/nonexistent/state") });
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = assertThrows(start, ChannelError, "Could not create");
    assertEquals(it.migration.status, "failed");
    assertEquals(it.migration.failure, error);
    assertEquals(it.migration.underWay, false);
    assertEquals(it.host.log.splice(0), ["setup", "failed"]);
  }
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  assertEquals(it.migration.failure, undefined);
  await it.migration.settled();
});

test("every blocker of the mode is named", () => {
  using it = bench();
  it.setup.blockers.add(["cpr-exec"], "first reason");
  it.setup.blockers.add(["cpr-exec", "normal"], "second reason");
  it.setup.parameters.mode = "cpr-exec";
  const start = () => it.migration.start({ main: parseUri(`file:${it.file}`) });
  assertThrows(start, MigrationError, "first reason; second reason");
  assertEquals(it.setup.blockers.reasons("normal"), ["second reason"]);
});

test("an exec that fails leads from completed to failed and the VM runs", async () => {
  using it = bench();
  using block = createMemfd("ram0", { size: 4096 });
  it.setup.registry.save("ram0", 0, block.number);
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  assertEquals(stateDescriptors(), 1);
  await it.migration.settled();
  assertEquals(it.host.log, [
    ...["setup", "STOP", "active", "pass 2", "device", "completed"],
    ...["failed", "RESUME"],
  ]);
  assertEquals(
    it.migration.failure?.message,
    `execvp ${BOGUS} failed: No such file or directory`,
  );
  assertEquals(it.host.runState, "running");
  assertEquals(block.cloexec, true);
  assertEquals(stateDescriptors(), 0);
});

test("a VM that did not run is postmigrate after a failed exec, as in QEMU", async () => {
  for (const before of ["paused", "prelaunch"] as const) {
    using it = bench();
    it.host.runState = before;
    it.setup.parameters.mode = "cpr-exec";
    it.setup.parameters["cpr-exec-command"] = [BOGUS];
    it.migration.start({ main: parseUri(`file:${it.file}`) });
    await it.migration.settled();
    assertEquals(it.migration.status, "failed");
    assertEquals(it.host.runState, "postmigrate");
    assert(!it.host.log.includes("RESUME"));
  }
});

test("a VM that did not run is as it was when the exec was not reached", async () => {
  using it = bench();
  it.host.runState = "paused";
  it.setup.capabilities.set(PAUSE);
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  assertEquals(it.host.runState, "finish-migrate");
  it.migration.cancel();
  assertEquals(it.host.runState, "paused");
});

test("pre-switchover waits for continue, and can be cancelled", async () => {
  using it = bench();
  it.setup.capabilities.set(PAUSE);
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = ["/bin/true"];
  const start = () => it.migration.start({ main: parseUri(`file:${it.file}`) });
  start();
  assertThrows(start, MigrationError, "in progress");
  await it.migration.settled();
  assertEquals(it.migration.status, "pre-switchover");
  it.migration.cancel();
  assertEquals(it.host.log.slice(-3), ["cancelling", "RESUME", "cancelled"]);
  assertEquals(stateDescriptors(), 0);
  assertThrows(() => it.migration.continue(), MigrationError, "cancelled");

  // And again; the command may be replaced while it waits.
  start();
  await it.migration.settled();
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  it.migration.continue();
  await it.migration.settled();
  assert(it.migration.failure?.message.includes(BOGUS));
  assertEquals(it.host.runState, "running");

  // Or taken away.
  it.setup.parameters["cpr-exec-command"] = ["/bin/true"];
  start();
  await it.migration.settled();
  it.setup.parameters["cpr-exec-command"] = [];
  it.migration.continue();
  await it.migration.settled();
  assertEquals(
    it.migration.failure?.message,
    "cpr-exec mode requires setting cpr-exec-command",
  );
  assertEquals(it.host.runState, "running");
});

test("a second migrate-continue is refused and harms nothing", async () => {
  using it = bench();
  it.setup.capabilities.set(PAUSE);
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  it.migration.continue();
  assertThrows(() => it.migration.continue(), MigrationError, "device");
  await it.migration.settled();
  assertEquals(it.migration.status, "completed");
});

test("a migration is settled in a pause and at its end, not before", async () => {
  using it = bench();
  it.setup.capabilities.set(PAUSE);
  const order: string[] = [];
  const note = async (what: string, promise: Promise<void>) => {
    await promise;
    order.push(`${what} in ${it.migration.status}`);
  };
  await note("settled", it.migration.settled());
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  assertEquals(it.migration.underWay, true);
  const paused = note("settled", it.migration.settled());
  await it.migration.settled();
  await paused;
  it.migration.continue();
  const ended = note("settled", it.migration.settled());
  await it.migration.settled();
  await ended;
  assertEquals(it.migration.underWay, false);
  assertEquals(order, [
    "settled in none",
    "settled in pre-switchover",
    "settled in completed",
  ]);
});

test("an abandoned migration executes nothing", async () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  const flushed = Promise.withResolvers<void>();
  it.host.flush = () => {
    // Completed, and about to execute once the monitors are flushed.
    it.migration.abandon();
    flushed.resolve();
    return Promise.resolve();
  };
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await flushed.promise;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(it.host.log.at(-1), "completed");
});

/** Loads the stream into another machine, whose RAM must be the same then. */
async function assertLoads(host: FakeHost, uri: string): Promise<void> {
  const other = new FakeHost(host.dirty.length);
  assertEquals(await load(other, uri), "running");
  assertEquals(other.ram, host.ram);
}

test("what the guest writes while it runs is sent again", async () => {
  using it = bench(new FakeHost(300));
  it.setup.parameters["downtime-limit"] = 0;
  it.host.onPass = (pass) => {
    if (pass < 5) it.host.store(4096 * pass + 1, pass);
  };
  it.host.store(0, 1);
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  assertEquals(it.migration.ram, undefined);
  assertEquals(it.host.log, [
    ...["setup", "active", "pass 2", "pass 3", "pass 4", "pass 5"],
    ...["STOP", "device", "completed"],
  ]);
  await assertLoads(it.host, `file:${it.file}`);
});

test("a guest that writes too much is not stopped; a cancel leaves it alone", async () => {
  using it = bench(new FakeHost(300));
  it.setup.parameters["downtime-limit"] = 0;
  const { promise: busy, resolve } = Promise.withResolvers<void>();
  it.host.onPass = (pass) => {
    it.host.store(4096 * (pass % 300), pass);
    if (pass === 20) resolve();
  };
  const start = () => it.migration.start({ main: parseUri(`file:${it.file}`) });
  start();
  await busy;
  assertEquals(it.migration.status, "active");
  assertEquals(it.migration.ram?.["dirty-sync-count"], 20);
  it.migration.cancel();
  assertEquals(it.migration.status, "cancelled");
  assertEquals(it.host.runState, "running");
  assert(!it.host.log.includes("STOP"));

  // And again, with a longer downtime than that last page takes.
  it.setup.parameters["downtime-limit"] = 10_000;
  start();
  await it.migration.settled();
  assertEquals(it.migration.status, "completed");
  await assertLoads(it.host, `file:${it.file}`);
});

test("max-bandwidth is kept to, and a cancel ends the wait for it", async () => {
  using it = bench(new FakeHost(300));
  for (let page = 0; page < 300; page++) it.host.store(4096 * page, 1);
  it.setup.parameters["max-bandwidth"] = 1;
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  const { promise: later, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 100);
  await later;
  assertEquals(it.migration.status, "active");
  assert((it.migration.ram?.remaining ?? 0) > 0);
  it.migration.cancel();
  await it.migration.settled();
  assertEquals(it.host.runState, "running");
});

test("a peer that hangs or ends fails the migration, which can be repeated", async () => {
  using it = bench(new FakeHost(4096));
  it.host.ram.fill(1);
  const uri = `unix:${it.file}.sock`;
  for (const way of ["hangs", "ends"] as const) {
    using peer = Channel.open(parseUri(uri), "incoming");
    it.migration.start({ main: parseUri(uri) });
    await peer.connect();
    if (way === "ends") peer.close();
    await it.migration.settled();
    assertEquals(it.migration.status, "failed");
    const why = way === "hangs" ? /timed out/ : /Broken pipe|reset/;
    assertMatch(it.migration.failure?.message ?? "", why);
    assertEquals(it.host.runState, "running");
  }
  it.migration.start({ main: parseUri(uri) });
  await it.migration.settled();
  assertEquals(
    it.migration.failure?.message,
    `Failed to connect to '${it.file}.sock': No such file or directory`,
  );
  assert(!it.host.log.includes("STOP"));
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  await assertLoads(it.host, `file:${it.file}`);
});

test("a peer that cannot be reached costs the guest nothing", async () => {
  for (const mode of ["normal", "cpr-reboot"] as const) {
    using it = bench();
    it.setup.parameters.mode = mode;
    await it.migration.start({ main: parseUri("tcp:127.0.0.1:1") });
    await it.migration.settled();
    assertEquals(it.host.log, ["setup", "failed"]);
    assertEquals(
      it.migration.failure?.message,
      "Failed to connect to '127.0.0.1:1': Connection refused",
    );
  }
});

test("a peer that hangs at the last moment lets the VM run again", async () => {
  using it = bench(new FakeHost(4096));
  it.host.ram.fill(1);
  it.setup.parameters.mode = "cpr-reboot";
  const uri = `unix:${it.file}.sock`;
  using peer = Channel.open(parseUri(uri), "incoming");
  it.migration.start({ main: parseUri(uri) });
  await peer.connect();
  await it.migration.settled();
  assertEquals(it.migration.status, "failed");
  assertEquals(it.host.log, [
    ...["setup", "STOP", "active", "failed", "RESUME"],
  ]);
});

test("x-ignore-shared leaves out a shared file, and must be on at both ends", async () => {
  using it = bench(new FakeHost(300));
  it.host.ram.fill(1);
  it.host.isSharedFile = true;
  it.setup.capabilities.set([{ capability: "x-ignore-shared", state: true }]);
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  assert(Deno.statSync(it.file).size < 4096);

  const other = new FakeHost(300);
  other.isSharedFile = true;
  const without = () => load(other, `file:${it.file}`);
  await assertRejects(without, StreamError, '"x-ignore-shared" is off here');
  const { capabilities } = it.setup;
  const loaded = () => load(other, `file:${it.file}`, "stream", capabilities);
  assertEquals(await loaded(), "running");
  assert(other.ram.every((byte) => byte === 0));
  // Its RAM would be all zero.
  other.isSharedFile = false;
  await assertRejects(loaded, StreamError, 'RAM block "ram0" never came');
});

test("with mapped-ram each page has its place in the file", async () => {
  for (const offset of [0, 5000]) {
    using it = bench(new FakeHost(300));
    const uri = `file:${it.file},offset=${offset}`;
    it.setup.capabilities.set([{ capability: "mapped-ram", state: true }]);
    it.setup.parameters["downtime-limit"] = 0;
    it.host.store(4096 * 7, 1);
    it.host.store(4096 * 299, 2);
    // One page becomes zero again, another is written at last.
    it.host.onPass = (pass) => {
      if (pass === 2) it.host.store(4096 * 7, 0);
      if (pass === 3) it.host.store(4096 * 8 + 1, 3);
    };
    await it.migration.start({ main: parseUri(uri) });
    await it.migration.settled();
    assertEquals(it.migration.failure, undefined);

    const stream = Deno.readFileSync(it.file).subarray(offset);
    const { records } = decodeStream(stream, { fileOffset: offset });
    const [start] = records;
    assert(start?.type === "start");
    const [block] = start.blocks ?? [];
    assert(block?.mapped !== undefined);
    assertEquals((block.mapped.pagesOffset + offset) % 0x10_0000, 0);
    assertEquals([...mappedRuns(stream, block, block.mapped)], [
      { first: 8, count: 1 },
      { first: 299, count: 1 },
    ]);
    // Mostly holes.
    const { blocks } = Deno.statSync(it.file);
    assert((blocks ?? Infinity) * 512 < 100_000);

    const other = new FakeHost(300);
    other.ram.fill(9);
    const { capabilities } = it.setup;
    assertEquals(await load(other, uri, "stream", capabilities), "running");
    assertEquals(other.ram, it.host.ram);
    const without = () => load(other, uri);
    await assertRejects(without, StreamError, '"mapped-ram" is off here');
  }
});

test("mapped-ram leaves out a shared file too, and needs a file", async () => {
  using it = bench(new FakeHost(300));
  it.host.ram.fill(1);
  it.host.isSharedFile = true;
  it.setup.capabilities.set(["x-ignore-shared", "mapped-ram"].map(
    (capability) => ({ capability, state: true }),
  ));
  const refused = (uri: string, words: string) =>
    assertThrows(
      () => it.migration.start({ main: parseUri(uri) }),
      MigrationError,
      words,
    );
  for (const uri of ["unix:/x", "exec:cat", "tcp:h:1"]) {
    refused(uri, "Migration requires seekable transport (e.g. file)");
  }
  const uri = `file:${it.file}`;
  it.setup.parameters.mode = "cpr-exec";
  refused(uri, "Cannot use mapped-ram with cpr-exec");
  it.setup.parameters.mode = "cpr-reboot";
  await it.migration.start({ main: parseUri(uri) });
  await it.migration.settled();
  assertEquals(it.migration.failure, undefined);
  assert(Deno.statSync(it.file).size < 4096);
  const other = new FakeHost(300);
  other.isSharedFile = true;
  const { capabilities } = it.setup;
  assertEquals(await load(other, uri, "stream", capabilities), "running");
  assert(other.ram.every((byte) => byte === 0));
});

test("a notifier that throws refuses the migration", () => {
  using it = bench();
  it.setup.notifiers.add("normal", ({ type }) => {
    if (type === "setup") throw new Error("not now");
  });
  assertThrows(
    () => it.migration.start({ main: parseUri(`file:${it.file}`) }),
    Error,
    "not now",
  );
  assertEquals(it.host.log, ["setup", "failed"]);
  assertEquals(it.migration.status, "failed");
});

test("notifiers are called for their own mode only", async () => {
  using it = bench();
  const heard: string[] = [];
  for (const mode of ["normal", "cpr-reboot", "cpr-exec"] as const) {
    it.setup.notifiers.add(mode, ({ type }) => heard.push(`${mode} ${type}`));
  }
  it.setup.parameters.mode = "cpr-reboot";
  it.migration.start({ main: parseUri(`file:${it.file}`) });
  await it.migration.settled();
  assertEquals(heard, ["cpr-reboot setup", "cpr-reboot done"]);
});

test("a second incoming migration is refused", async () => {
  using it = bench();
  Deno.writeTextFileSync(it.file, "no stream");
  const address = parseUri(`file:${it.file}`);
  const { capabilities } = it.setup;
  const incoming = new IncomingMigration(it.host, "preserved", capabilities);
  const load = () => incoming.load(Channel.open(address, "incoming"));
  await assertRejects(load, StreamError, "not a migration stream");
  assertEquals(incoming.status, "failed");
  using channel = Channel.open(address, "incoming");
  const again = () => incoming.load(channel);
  await assertRejects(again, MigrationError, "already been started");
});

test("a file that is not a stream is refused by its first bytes", async () => {
  using it = bench();
  const again = () => load(it.host, `file:${it.file}`);
  Deno.writeFileSync(it.file, new Uint8Array());
  Deno.truncateSync(it.file, 2 ** 40);
  await assertRejects(again, StreamError, "offset 0: not a migration stream");
  Deno.writeTextFileSync(it.file, "QEVM");
  await assertRejects(again, StreamError, "offset 4: the stream ends here");
});

test("a stream may be no longer than RAM and devices make it", async () => {
  using it = bench();
  Deno.writeFileSync(
    it.file,
    Uint8Array.of(0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3),
  );
  Deno.truncateSync(it.file, 2 ** 40);
  for (const origin of ["stream", "preserved"] as const) {
    await assertRejects(
      () => load(it.host, `file:${it.file}`, origin),
      ChannelError,
      "The stream is too long",
    );
  }
});
