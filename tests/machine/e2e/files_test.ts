/** What a machine does with files: streams with RAM, its socket, its pid. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { QmpClient } from "../../../lib/qmp/mod.ts";
import {
  ask,
  DEADLINE_MS,
  enable,
  GuestRam,
  Lab,
  reached,
  runState,
  type Vm,
} from "../../../testing/machine/mod.ts";

/** Saves a machine, RAM and all; it stays, stopped. */
async function save(qmp: QmpClient, uri: string): Promise<void> {
  await enable(qmp, "events");
  using watch = qmp.watch();
  await qmp.execute("migrate", { uri });
  await reached(watch, "completed");
  assertEquals(await runState(qmp), "postmigrate");
}

/** Moves a machine through a file into a process of its own. */
async function moveTo(
  lab: Lab,
  uri: string,
  mode: string,
): Promise<void> {
  const old = lab.start();
  const oldQmp = await old.connect();
  using oldRam = new GuestRam(old.pid);
  await oldRam.ticked(5);
  await oldQmp.execute("migrate-set-parameters", { mode });
  await save(oldQmp, uri);
  const before = await oldRam.digest();

  const fresh = lab.start({ more: ["-incoming", uri, "-S"] });
  const qmp = await fresh.connect();
  assertEquals(await runState(qmp), "paused");
  assertEquals(await ask(qmp, "query-migrate", "status"), "completed");
  using ram = new GuestRam(fresh.pid);
  assertEquals(await ram.digest(), before);
  await qmp.execute("cont");
  await ram.ticked(5);
  assertEquals(ram.status.error, 0);
  assert(ram.status.counter > oldRam.status.counter);
  // The old one may go on as well: nothing was taken from it.
  await oldQmp.execute("cont");
  await oldRam.ticked(2);
  assertEquals(oldRam.status.error, 0);
}

Deno.test("in mode normal RAM travels in the file, into a fresh process", async () => {
  await using lab = await Lab.open();
  await moveTo(lab, `file:${lab.path("state")}`, "normal");
});

Deno.test("in mode cpr-reboot as well", async () => {
  await using lab = await Lab.open();
  await moveTo(lab, `file:${lab.path("state")}`, "cpr-reboot");
});

Deno.test("a file with an offset keeps what comes before it", async () => {
  await using lab = await Lab.open();
  const file = lab.path("state");
  await Deno.writeTextFile(file, "0123456789");
  await moveTo(lab, `file:${file},offset=4`, "normal");
  const bytes = await Deno.readFile(file);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 8)), "0123QEVM");
});

Deno.test("a stream without RAM is refused by a machine that has none", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events");
  await qmp.execute("migrate-set-parameters", {
    mode: "cpr-exec",
    "cpr-exec-command": ["/nonexistent/new"],
  });
  using watch = qmp.watch();
  await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
  await reached(watch, "failed");
  const fresh = lab.start({ more: ["-incoming", `file:${vm.stateFile}`] });
  assertEquals((await fresh.ended()).code, 1);
  assertMatch(fresh.stderr.text, /^error: .*RAM block "ram0" never came/);
});

Deno.test("quit and signals end the machine, and its files with it", async () => {
  const ways: ((vm: Vm, qmp: QmpClient) => unknown)[] = [
    (_vm, qmp) => qmp.execute("quit"),
    (vm) => vm.kill("SIGTERM"),
    (vm) => vm.kill("SIGINT"),
  ];
  await using lab = await Lab.open();
  for (const end of ways) {
    const pidfile = lab.path("pid");
    const vm = lab.start({ more: ["-pidfile", pidfile] });
    const qmp = await vm.connect();
    assertEquals(await Deno.readTextFile(pidfile), `${vm.pid}\n`);
    await end(vm, qmp);
    assertEquals(await vm.ended(), { success: true, code: 0, signal: null });
    for (const path of [pidfile, vm.qmpPath]) {
      await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
    }
    assertEquals(vm.stderr.text, "");
  }
});

Deno.test("a pidfile that cannot be written is named, and nothing is removed", async () => {
  await using lab = await Lab.open();
  const directory = lab.path("directory");
  await Deno.mkdir(directory);
  const cases: [string, string][] = [
    [directory, "Is a directory"],
    ["/nonexistent/pid", "No such file or directory"],
  ];
  for (const [pidfile, why] of cases) {
    const vm = lab.start({ more: ["-pidfile", pidfile] });
    assertEquals((await vm.ended()).code, 1);
    assertStringIncludes(
      vm.stderr.text,
      `error: Cannot write pidfile "${pidfile}": ${why}\n`,
    );
  }
  assert((await Deno.lstat(directory)).isDirectory);
});

Deno.test("over an update the files are the new program's", async () => {
  await using lab = await Lab.open();
  const pidfile = lab.path("pid");
  const vm = lab.start({ more: ["-pidfile", pidfile] });
  const qmp = await vm.update(await vm.connect());
  assertEquals(await Deno.readTextFile(pidfile), `${vm.pid}\n`);
  // A file that somebody else removed is nothing to fail for.
  await Deno.remove(pidfile);
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
  await assertRejects(() => Deno.lstat(vm.qmpPath), Deno.errors.NotFound);
});

Deno.test("a socket that a dead machine left is replaced, a file is not", async () => {
  await using lab = await Lab.open();
  const killed = lab.start();
  await killed.connect();
  killed.kill("SIGKILL");
  await killed.ended();
  assert((await Deno.lstat(killed.qmpPath)).isSocket);
  const socket = ["-qmp", `unix:${killed.qmpPath},server=on,wait=off`];
  const vm = lab.start({ more: socket });
  const qmp = await killed.connect();
  assertEquals(qmp.peer?.pid, vm.pid);

  const file = lab.path("precious");
  await Deno.writeTextFile(file, "contents");
  const refused = lab.start({
    more: ["-qmp", `unix:${file},server=on,wait=off`],
  });
  assertEquals((await refused.ended()).code, 1);
  assertMatch(refused.stderr.text, /^error: Cannot listen at ".*precious"/);
  assertEquals(await Deno.readTextFile(file), "contents");
  await assertRejects(() => Deno.lstat(refused.qmpPath), Deno.errors.NotFound);
});

Deno.test("wait=on keeps the guest from its first instruction", async () => {
  await using lab = await Lab.open();
  const path = lab.path("waited-for");
  const vm = lab.start({ more: ["-qmp", `unix:${path},server=on`] });
  const qmp = await vm.connect();
  assertEquals(await runState(qmp), "prelaunch");
  using ram = new GuestRam(vm.pid);
  assertEquals(ram.status.ticks, 0);
  using watch = qmp.watch();
  using _client = await Deno.connect({ transport: "unix", path });
  await watch.next("RESUME", { timeoutMs: DEADLINE_MS });
  await ram.ticked();
});
