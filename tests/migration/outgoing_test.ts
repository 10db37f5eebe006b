import { assert, assertEquals, assertThrows } from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { ChannelError, parseUri } from "../../lib/channel/mod.ts";
import {
  IncomingMigration,
  MigrationError,
  OutgoingMigration,
} from "../../lib/migration/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";
import { FakeHost, setupOf } from "./fake_host.ts";

const BOGUS = "/nonexistent/program";
const PAUSE = [{ capability: "pause-before-switchover", state: true }];

/** A machine that is about to migrate, and a file to migrate to. */
function bench() {
  const directory = Deno.makeTempDirSync();
  const host = new FakeHost();
  const setup = setupOf(host);
  return {
    host,
    setup,
    migration: new OutgoingMigration(setup),
    file: `${directory}/vm.state`,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** Descriptors of this process that are CPR state. */
function stateDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`)
        .includes("QEMU_CPR_EXEC_STATE");
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }).length;
}

test("mode normal: the events come in QEMU's order and the file loads", () => {
  using it = bench();
  it.host.ram[5000] = 7;
  it.migration.start(parseUri(`file:${it.file}`));
  assertEquals(it.host.log, ["setup", "STOP"]);
  it.host.runTasks();
  assertEquals(it.host.log, [
    ...["setup", "STOP", "active", "pass 2", "device", "completed"],
  ]);
  assertEquals(it.host.runState, "postmigrate");

  const other = new FakeHost();
  other.runState = "inmigrate";
  other.device = { count: 0 };
  const incoming = new IncomingMigration(other, "stream");
  assertEquals(incoming.load(parseUri(`file:${it.file}`)), "running");
  assertEquals(other.device, { count: 42 });
  assertEquals(other.ram, it.host.ram);
});

test("a file with an offset keeps what is before it", () => {
  using it = bench();
  Deno.writeTextFileSync(it.file, "head and more");
  const address = parseUri(`file:${it.file},offset=5`);
  it.migration.start(address);
  it.host.runTasks();
  assertEquals(Deno.readTextFileSync(it.file).slice(0, 9), "head QEVM");
  const other = new FakeHost();
  assertEquals(
    new IncomingMigration(other, "stream").load(address),
    "running",
  );
});

test("cpr-exec without a command is refused before the VM stops", () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  assertThrows(
    () => it.migration.start(parseUri(`file:${it.file}`)),
    MigrationError,
    "cpr-exec mode requires setting cpr-exec-command",
  );
  assertEquals(it.host.log, []);
});

test("what cannot take all data is refused in words, at once", () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  for (const uri of ["exec:cat", "unix:/x", "tcp:h:1", "vsock:1:2"]) {
    assertThrows(
      () => it.migration.start(parseUri(uri)),
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
      () => it.migration.start(parseUri(`file:${path}`)),
      ChannelError,
    );
    assertEquals(it.host.log.splice(0), ["setup", "failed"]);
  }
  assertEquals(it.host.runState, "running");
});

test("a file that cannot be made is a migration that failed", () => {
  using it = bench();
  const start = () => it.migration.start(parseUri("file:/nonexistent/state"));
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = assertThrows(start, ChannelError, "Could not create");
    assertEquals(it.migration.status, "failed");
    assertEquals(it.migration.failure, error);
    assertEquals(it.migration.underWay, false);
    assertEquals(it.host.log.splice(0), ["setup", "failed"]);
  }
  it.migration.start(parseUri(`file:${it.file}`));
  assertEquals(it.migration.failure, undefined);
  it.host.runTasks();
});

test("every blocker of the mode is named", () => {
  using it = bench();
  it.setup.blockers.add(["cpr-exec"], "first reason");
  it.setup.blockers.add(["cpr-exec", "normal"], "second reason");
  it.setup.parameters.mode = "cpr-exec";
  const start = () => it.migration.start(parseUri(`file:${it.file}`));
  assertThrows(start, MigrationError, "first reason; second reason");
  assertEquals(it.setup.blockers.reasons("normal"), ["second reason"]);
});

test("an exec that fails leads from completed to failed and the VM runs", async () => {
  using it = bench();
  using block = createMemfd("ram0", { size: 4096 });
  it.setup.registry.save("ram0", 0, block.number);
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  it.migration.start(parseUri(`file:${it.file}`));
  assertEquals(stateDescriptors(), 1);
  it.host.runTasks();
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
    it.migration.start(parseUri(`file:${it.file}`));
    it.host.runTasks();
    await it.migration.settled();
    assertEquals(it.migration.status, "failed");
    assertEquals(it.host.runState, "postmigrate");
    assert(!it.host.log.includes("RESUME"));
  }
});

test("a VM that did not run is as it was when the exec was not reached", () => {
  using it = bench();
  it.host.runState = "paused";
  it.setup.capabilities.set(PAUSE);
  it.migration.start(parseUri(`file:${it.file}`));
  it.host.runTasks();
  assertEquals(it.host.runState, "finish-migrate");
  it.migration.cancel();
  assertEquals(it.host.runState, "paused");
});

test("pre-switchover waits for continue, and can be cancelled", async () => {
  using it = bench();
  it.setup.capabilities.set(PAUSE);
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = ["/bin/true"];
  const start = () => it.migration.start(parseUri(`file:${it.file}`));
  start();
  assertThrows(start, MigrationError, "in progress");
  it.host.runTasks();
  assertEquals(it.migration.status, "pre-switchover");
  it.migration.cancel();
  assertEquals(it.host.log.slice(-3), ["cancelling", "RESUME", "cancelled"]);
  assertEquals(stateDescriptors(), 0);
  assertThrows(() => it.migration.continue(), MigrationError, "cancelled");

  // And again; the command may be replaced while it waits.
  start();
  it.host.runTasks();
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  it.migration.continue();
  it.host.runTasks();
  await it.migration.settled();
  assert(it.migration.failure?.message.includes(BOGUS));
  assertEquals(it.host.runState, "running");

  // Or taken away.
  it.setup.parameters["cpr-exec-command"] = ["/bin/true"];
  start();
  it.host.runTasks();
  it.setup.parameters["cpr-exec-command"] = [];
  it.migration.continue();
  it.host.runTasks();
  await it.migration.settled();
  assertEquals(
    it.migration.failure?.message,
    "cpr-exec mode requires setting cpr-exec-command",
  );
  assertEquals(it.host.runState, "running");
});

test("a second migrate-continue is refused and harms nothing", () => {
  using it = bench();
  it.setup.capabilities.set(PAUSE);
  it.migration.start(parseUri(`file:${it.file}`));
  it.host.runTasks();
  it.migration.continue();
  assertThrows(() => it.migration.continue(), MigrationError, "device");
  it.host.runTasks();
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
  it.migration.start(parseUri(`file:${it.file}`));
  assertEquals(it.migration.underWay, true);
  const paused = note("settled", it.migration.settled());
  it.host.runTasks();
  await paused;
  it.migration.continue();
  const ended = note("settled", it.migration.settled());
  it.host.runTasks();
  await ended;
  assertEquals(it.migration.underWay, false);
  assertEquals(order, [
    "settled in none",
    "settled in pre-switchover",
    "settled in completed",
  ]);
});

test("what is abandoned executes nothing", async () => {
  using it = bench();
  it.setup.parameters.mode = "cpr-exec";
  it.setup.parameters["cpr-exec-command"] = [BOGUS];
  it.migration.start(parseUri(`file:${it.file}`));
  it.host.runTasks();
  // Completed, and about to execute once the monitors are flushed.
  it.migration.abandon();
  await it.migration.settled();
  await it.host.flush();
  assertEquals(it.host.log.at(-1), "completed");
});

test("a notifier that throws refuses the migration", () => {
  using it = bench();
  it.setup.notifiers.add("normal", ({ type }) => {
    if (type === "setup") throw new Error("not now");
  });
  assertThrows(
    () => it.migration.start(parseUri(`file:${it.file}`)),
    Error,
    "not now",
  );
  assertEquals(it.host.log, ["setup", "failed"]);
  assertEquals(it.migration.status, "failed");
});

test("notifiers are called for their own mode only", () => {
  using it = bench();
  const heard: string[] = [];
  for (const mode of ["normal", "cpr-reboot", "cpr-exec"] as const) {
    it.setup.notifiers.add(mode, ({ type }) => heard.push(`${mode} ${type}`));
  }
  it.setup.parameters.mode = "cpr-reboot";
  it.migration.start(parseUri(`file:${it.file}`));
  it.host.runTasks();
  assertEquals(heard, ["cpr-reboot setup", "cpr-reboot done"]);
});

test("a second incoming migration is refused", () => {
  using it = bench();
  const incoming = new IncomingMigration(it.host, "preserved");
  const load = () => incoming.load(parseUri(`file:${it.file}`));
  assertThrows(load, ChannelError, "Could not open");
  assertEquals(incoming.status, "failed");
  assertThrows(load, MigrationError, "already been started");
});

test("a file that is no stream is refused by its start, however large", () => {
  using it = bench();
  const load = () =>
    new IncomingMigration(it.host, "stream").load(parseUri(`file:${it.file}`));
  Deno.writeFileSync(it.file, new Uint8Array());
  Deno.truncateSync(it.file, 2 ** 40);
  assertThrows(load, StreamError, "offset 0: not a migration stream");
  Deno.writeTextFileSync(it.file, "QEVM");
  assertThrows(load, StreamError, "offset 4: the stream ends here");
});

test("a stream may be no longer than RAM and devices make it", () => {
  using it = bench();
  Deno.writeFileSync(
    it.file,
    Uint8Array.of(0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3),
  );
  Deno.truncateSync(it.file, 2 ** 40);
  for (const origin of ["stream", "preserved"] as const) {
    const incoming = new IncomingMigration(it.host, origin);
    assertThrows(
      () => incoming.load(parseUri(`file:${it.file}`)),
      ChannelError,
      "File too large",
    );
    assertEquals(incoming.status, "failed");
  }
});
