/** cpr-transfer: a machine moves into another process, its RAM stays. */

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { type JsonObject, QmpCommandError } from "../../../lib/qmp/mod.ts";
import { channelAt } from "../../../lib/update/command/transfer_command.ts";
import {
  ask,
  DEADLINE_MS,
  enable,
  GuestRam,
  Lab,
  memfdsOf,
  reached,
  runState,
  story,
  type Vm,
} from "../../../testing/machine/mod.ts";
import { listening } from "../../../testing/program/listening.ts";
import { until } from "../../../testing/program/until.ts";

/** A machine, what is to become its destination, and their channels. */
class Pair {
  readonly cpr: JsonObject;
  readonly main: JsonObject;

  constructor(private readonly lab: Lab) {
    this.cpr = channelAt("cpr", lab.path("cpr.sock"));
    this.main = channelAt("main", lab.path("main.sock"));
  }

  /** Starts the destination, once it waits for CPR state. */
  async destination(...incoming: readonly string[]): Promise<Vm> {
    const vm = this.lab.start({
      more: [JSON.stringify(this.cpr), ...incoming]
        .flatMap((it) => ["-incoming", it]),
    });
    await listening(this.lab.path("cpr.sock"), DEADLINE_MS);
    return vm;
  }

  get channels(): JsonObject {
    return { channels: [this.main, this.cpr] };
  }
}

Deno.test("a guest goes on in another process, in the same memory", async () => {
  await using lab = await Lab.open();
  const pair = new Pair(lab);
  const mode = { mode: "cpr-transfer" };
  for (const paused of [false, true]) {
    const old = lab.start();
    const qmp = await old.connect();
    await enable(qmp, "events");
    await qmp.execute("migrate-set-parameters", mode);
    using ram = new GuestRam(old.pid);
    await ram.ticked(3);
    if (paused) await qmp.execute("stop");
    using watch = qmp.watch();
    const fresh = await pair.destination(JSON.stringify(pair.main));
    await qmp.execute("migrate", pair.channels);
    await reached(watch, "completed");
    assertEquals(story(watch), [
      "setup",
      ...paused ? [] : ["STOP"],
      ...["active", "MIGRATION_PASS", "device", "completed"],
    ]);
    assertEquals(await runState(qmp), "postmigrate");
    const there = await fresh.connect();
    await until(
      "the state is loaded",
      DEADLINE_MS,
      async () => await ask(there, "query-migrate", "status") === "completed",
    );
    assertEquals(await runState(there), paused ? "paused" : "running");
    assertNotEquals(fresh.pid, old.pid);
    using same = new GuestRam(fresh.pid);
    assertEquals(same.inode, ram.inode);
    await qmp.execute("quit");
    if (paused) await there.execute("cont");
    await ram.ticked(5);
    assertEquals(ram.status.error, 0);
    assertEquals([...memfdsOf(fresh.pid).keys()].sort(), ["ram0", "virt.aux"]);
    assertEquals(fresh.stderr.text, "");
    await there.execute("quit");
  }
});

Deno.test("the guest runs until migrate-incoming, and can be kept", async () => {
  await using lab = await Lab.open();
  const pair = new Pair(lab);
  const old = lab.start();
  const qmp = await old.connect();
  await enable(qmp, "events");
  await qmp.execute("migrate-set-parameters", { mode: "cpr-transfer" });
  using ram = new GuestRam(old.pid);
  for (const end of ["cancelled", "failed", "completed"] as const) {
    using watch = qmp.watch();
    const fresh = await pair.destination("defer");
    await qmp.execute("migrate", pair.channels);
    const there = await fresh.connect();
    assertEquals(await runState(there), "inmigrate");
    await ram.ticked(3);
    assertEquals(await runState(qmp), "running");
    assertEquals(story(watch), ["setup"]);
    if (end === "cancelled") await qmp.execute("migrate_cancel");
    if (end !== "completed") await there.execute("quit");
    if (end === "completed") {
      await there.execute("migrate-incoming", { channels: [pair.main] });
    }
    await reached(watch, end);
    if (end === "completed") {
      assertEquals(await runState(qmp), "postmigrate");
      await until(
        "the guest runs there",
        DEADLINE_MS,
        async () => await runState(there) === "running",
      );
      await qmp.execute("quit");
      await ram.ticked(3);
      assertEquals(ram.status.error, 0);
      continue;
    }
    assertEquals(await runState(qmp), "running");
    assert(!story(watch).includes("STOP"));
    await ram.ticked(2);
  }
});

Deno.test("a destination that dies with the stream leaves the guest to the source", async () => {
  await using lab = await Lab.open();
  const pair = new Pair(lab);
  const old = lab.start();
  const qmp = await old.connect();
  await enable(qmp, "events", "pause-before-switchover");
  await qmp.execute("migrate-set-parameters", { mode: "cpr-transfer" });
  using ram = new GuestRam(old.pid);
  using watch = qmp.watch();
  const fresh = await pair.destination(JSON.stringify(pair.main));
  await qmp.execute("migrate", pair.channels);
  await reached(watch, "pre-switchover");
  fresh.kill("SIGKILL");
  await fresh.ended();
  await qmp.execute("migrate-continue", { state: "pre-switchover" });
  await reached(watch, "failed");
  await watch.next("RESUME", { timeoutMs: DEADLINE_MS });
  await ram.ticked(2);
  assertEquals(ram.status.error, 0);
});

Deno.test("what cannot be transferred is refused in QEMU's words", async () => {
  await using lab = await Lab.open();
  const pair = new Pair(lab);
  const old = lab.start();
  const qmp = await old.connect();
  await qmp.execute("migrate-set-parameters", { mode: "cpr-transfer" });
  const file = { transport: "file", filename: lab.path("x"), offset: 0 };
  const cases: [JsonObject, string][] = [
    [{ uri: "file:/x" }, "Missing 'cpr' migration channel"],
    [{ channels: [pair.main] }, "Missing 'cpr' migration channel"],
    [
      { channels: [pair.main, { "channel-type": "cpr", addr: file }] },
      "Bad cpr channel address; must be unix",
    ],
    [pair.channels, `Failed to connect to '${lab.path("cpr.sock")}': No such`],
  ];
  for (const [args, words] of cases) {
    const migrate = () => qmp.execute("migrate", args);
    await assertRejects(migrate, QmpCommandError, words);
    assertEquals(await runState(qmp), "running");
  }
  assertEquals(await ask(qmp, "query-migrate", "status"), "failed");

  // A destination with other memory.
  const other = lab.start({
    ram: ["-object", "memory-backend-memfd,id=ram1,size=1M"],
    more: ["-incoming", JSON.stringify(pair.cpr), "-incoming", "defer"],
  });
  await listening(lab.path("cpr.sock"), DEADLINE_MS);
  await qmp.execute("migrate", pair.channels);
  assertEquals((await other.ended()).code, 1);
  await until(
    "it failed",
    DEADLINE_MS,
    async () => await ask(qmp, "query-migrate", "status") === "failed",
  );
  assertEquals(await runState(qmp), "running");
});
