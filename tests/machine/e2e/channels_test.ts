/** Channels between two machines: sockets, and descriptors that are passed. */

import { assertEquals, assertRejects } from "@std/assert";
import { Pipe } from "../../../ffi/pipe.ts";
import { QmpCommandError } from "../../../lib/qmp/mod.ts";
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
import { runCprctl } from "../../../testing/program/program.ts";
import { until } from "../../../testing/program/until.ts";

/** Waits until a machine has loaded the guest, which then ticks. */
async function goesOn(vm: Vm): Promise<void> {
  const qmp = await vm.connect();
  await until(
    "the guest runs there",
    DEADLINE_MS,
    async () => await runState(qmp) === "running",
  );
  using ram = new GuestRam(vm.pid);
  await ram.ticked(3);
  assertEquals(ram.status.error, 0);
  await qmp.close();
}

Deno.test("a guest moves through a pipe whose ends are passed by getfd", async () => {
  await using lab = await Lab.open();
  const [old, fresh] = [
    lab.start(),
    lab.start({ more: ["-incoming", "defer"] }),
  ];
  const qmp = await old.connect();
  const there = await fresh.connect();
  using pipe = Pipe.make();
  const fdname = "mig";
  const none = () => qmp.execute("getfd", { fdname });
  await assertRejects(none, QmpCommandError, "No file descriptor supplied");
  for (let again = 0; again < 2; again++) {
    await qmp.execute("getfd", { fdname }, {
      descriptors: [pipe.writer.number],
    });
  }
  await there.execute("getfd", { fdname }, {
    descriptors: [pipe.reader.number],
  });
  pipe[Symbol.dispose]();
  await enable(qmp, "events");
  using watch = qmp.watch();
  const wrong = () => there.execute("migrate-incoming", { uri: "fd:other" });
  await assertRejects(wrong, QmpCommandError, "'other' has not been found");
  await there.execute("migrate-incoming", { uri: "fd:mig" });
  await there.close();
  await qmp.execute("migrate", { uri: "fd:mig" });
  await reached(watch, "completed");
  await goesOn(fresh);
  // It was used up.
  const again = () => qmp.execute("migrate", { uri: "fd:mig" });
  await qmp.execute("cont");
  await assertRejects(again, QmpCommandError, "named 'mig' has not been found");
});

Deno.test("a machine says where it listens, and on a hung source it waits", async () => {
  await using lab = await Lab.open();
  const fresh = lab.start({ more: ["-incoming", "tcp:127.0.0.1:0"] });
  const qmp = await fresh.connect();
  const [at] = await ask(qmp, "query-migrate", "socket-address") as [
    { port: string; host: string; type: string },
  ];
  assertEquals([at.type, at.host], ["inet", "127.0.0.1"]);
  {
    using _hung = await Deno.connect({ port: Number(at.port) });
    await until(
      "it has connected",
      DEADLINE_MS,
      async () => await ask(qmp, "query-migrate", "status") === "active",
    );
    assertEquals(await runState(qmp), "inmigrate");
  }
  // It has hung up: nothing to wait for.
  assertEquals((await fresh.ended()).code, 1);
});

Deno.test("a stream with RAM is verified to its last byte", async () => {
  await using lab = await Lab.open();
  const path = lab.path("state");
  const ways: [string, string[]][] = [
    [`exec:cat > ${path}`, []],
    [`file:${path}`, ["mapped-ram", "x-ignore-shared"]],
  ];
  for (const [uri, capabilities] of ways) {
    const vm = lab.start();
    const qmp = await vm.connect();
    await enable(qmp, "events", ...capabilities);
    using watch = qmp.watch();
    await qmp.execute("migrate", { uri });
    await reached(watch, "completed");
    using ram = new GuestRam(vm.pid);
    const digest = await ram.digest();
    const { code, stdout, stderr } = await runCprctl([
      ...["inspect", "--verify", path],
    ]);
    assertEquals(code, 0, stdout + stderr);
    const fresh = lab.start({ more: ["-incoming", "defer", "-S"] });
    const there = await fresh.connect();
    await enable(there, ...capabilities);
    await there.execute("migrate-incoming", { uri: `file:${path}` });
    await until(
      "it is loaded",
      DEADLINE_MS,
      async () => await ask(there, "query-migrate", "status") === "completed",
    );
    using same = new GuestRam(fresh.pid);
    assertEquals(await same.digest(), digest);
  }
});

Deno.test("a machine that waits for a stream can be ended", async () => {
  await using lab = await Lab.open();
  const uris = [
    "tcp:127.0.0.1:0",
    `unix:${lab.path("s")}`,
    "exec:sleep 1000",
  ];
  for (const uri of uris) {
    const vm = lab.start({ more: ["-incoming", uri] });
    const qmp = await vm.connect();
    assertEquals(await runState(qmp), "inmigrate");
    await qmp.execute("quit");
    assertEquals((await vm.ended()).code, 0);
    assertEquals(vm.stderr.text, "");
  }
  const files = [...Deno.readDirSync(lab.folder)].map(({ name }) => name);
  assertEquals(files.filter((name) => name === "s"), []);
});
