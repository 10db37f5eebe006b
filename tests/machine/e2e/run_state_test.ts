/** What a machine was doing it goes on doing, and nothing else. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { QmpCommandError } from "../../../lib/qmp/mod.ts";
import {
  ask,
  closesOnExec,
  DEADLINE_MS,
  enable,
  GuestRam,
  Lab,
  memfdsOf,
  openDescriptors,
  prepareExec,
  reached,
  runState,
  story,
} from "../../../testing/machine/mod.ts";

Deno.test("a paused guest stays paused over an update, until cont", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const old = await vm.connect();
  using ram = new GuestRam(vm.pid);
  await ram.ticked(3);
  await old.execute("stop");
  const before = await ram.digest();

  const qmp = await vm.update(old);
  assertEquals(await runState(qmp), "paused");
  assertEquals(
    await ram.digest(),
    before,
    "The guest ran, or its RAM was touched",
  );
  using watch = qmp.watch();
  await qmp.execute("cont");
  await watch.next("RESUME", { timeoutMs: DEADLINE_MS });
  await ram.ticked(3);
  assertEquals(ram.status.error, 0);
});

Deno.test("a guest that never ran is in prelaunch on the new program too", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: ["-S"] });
  const old = await vm.connect();
  using ram = new GuestRam(vm.pid);
  assertEquals(await runState(old), "prelaunch");
  // Its successor is not told -S: the state says it.
  const qmp = await vm.update(old, vm.successor.filter((it) => it !== "-S"));
  assertEquals(await runState(qmp), "prelaunch");
  assertEquals(ram.status.ticks, 0);
  await qmp.execute("cont");
  await ram.ticked(3);
});

Deno.test("a running guest is paused by -S, and goes on with cont", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const old = await vm.connect();
  using ram = new GuestRam(vm.pid);
  await ram.ticked();
  const qmp = await vm.update(old, [...vm.successor, "-S"]);
  assertEquals(await runState(qmp), "paused");
  const { ticks } = ram.status;
  await qmp.execute("cont");
  await ram.ticked(2);
  assert(ram.status.ticks >= ticks + 2);
});

Deno.test("-incoming defer waits to be told, and says what failed", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const old = await vm.connect();
  using ram = new GuestRam(vm.pid);
  const qmp = await vm.update(old, [...vm.argv, "-incoming", "defer"]);
  assertEquals(await runState(qmp), "inmigrate");
  assertEquals(await qmp.execute("query-migrate"), {});
  await assertRejects(
    () => qmp.execute("migrate", { uri: `file:${vm.stateFile}` }),
    QmpCommandError,
    "waiting for an incoming migration",
  );
  const refuses = (args: { [name: string]: string }) =>
    assertRejects(() => qmp.execute("migrate-incoming", args), QmpCommandError);
  await refuses({ uri: "nonsense" });
  await refuses({});
  await enable(qmp, "events");
  using watch = qmp.watch();
  await qmp.execute("migrate-incoming", { uri: `file:${vm.stateFile}` });
  await watch.next("RESUME", { timeoutMs: DEADLINE_MS });
  assertEquals(story(watch), ["setup", "active", "completed", "RESUME"]);
  await refuses({ uri: `file:${vm.stateFile}` });
  await ram.ticked(2);
});

Deno.test("in pre-switchover nothing leaks, and the machine can go either way", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  let qmp = await vm.connect();
  using ram = new GuestRam(vm.pid);
  const uri = `file:${vm.stateFile}`;
  const migrate = async () => {
    await enable(qmp, "events", "pause-before-switchover");
    await prepareExec(qmp, vm.successor);
    using watch = qmp.watch();
    await qmp.execute("migrate", { uri });
    await reached(watch, "pre-switchover");
  };
  const wrongState = () =>
    assertRejects(
      () => qmp.execute("migrate-continue", { state: "pre-switchover" }),
      QmpCommandError,
      "not in expected state",
    );

  await wrongState();
  await migrate();
  assertEquals(await ask(qmp, "query-migrate", "status"), "pre-switchover");
  assertEquals(await runState(qmp), "finish-migrate");
  assertEquals([...memfdsOf(vm.pid).keys()].toSorted(), [
    ...["QEMU_CPR_EXEC_STATE", "ram0", "virt.aux"],
  ]);
  // A child that is forked now gets what the machine got from this process.
  const inherited = (pid: number) =>
    openDescriptors(pid).map(({ number }) => number)
      .filter((number) => !closesOnExec(pid, number));
  assertEquals(inherited(vm.pid), inherited(Deno.pid));
  await assertRejects(
    () => qmp.execute("migrate", { uri }),
    QmpCommandError,
    "in progress",
  );
  await assertRejects(
    () => qmp.execute("cont"),
    QmpCommandError,
    "not finalized",
  );
  await assertRejects(
    () => qmp.execute("migrate-continue", { state: "device" }),
    QmpCommandError,
  );

  using watch = qmp.watch();
  await qmp.execute("migrate_cancel");
  assertEquals(story(watch), ["cancelling", "RESUME", "cancelled"]);
  assertEquals(await ask(qmp, "query-migrate", "status"), "cancelled");
  assertEquals(await runState(qmp), "running");
  assertEquals([...memfdsOf(vm.pid).keys()], ["ram0", "virt.aux"]);
  await ram.ticked(2);
  await wrongState();
  await qmp.execute("migrate_cancel"); // again, as QEMU: harmless

  await migrate();
  await qmp.execute("migrate-continue", { state: "pre-switchover" });
  await qmp.closed;
  qmp = await vm.connect();
  assertEquals(qmp.peer?.pid, vm.pid);
  assertEquals(await runState(qmp), "running");
  assertEquals(await ask(qmp, "query-migrate", "status"), "completed");
  await ram.ticked(2);
});

Deno.test("a guest that was told to go is not kept by a migration in progress", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await prepareExec(qmp, vm.successor);
  // All in one write: quit is read while the migration is under way.
  const replies = await Promise.allSettled([
    qmp.execute("migrate", { uri: `file:${vm.stateFile}` }),
    qmp.execute("quit"),
  ]);
  if (replies[1].status === "fulfilled") {
    // It was answered by the old program, so it holds.
    assertEquals((await vm.ended()).code, 0);
  } else {
    await (await vm.connect()).execute("quit");
    assertEquals((await vm.ended()).code, 0);
  }
});
