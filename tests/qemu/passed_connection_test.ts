/** A character device on a connection that was passed by its number. */

import { assertEquals, assertMatch } from "@std/assert";
import { UnixListener, UnixSocket } from "../../ffi/socket.ts";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { linesOf } from "../../testing/program/lines.ts";
import { inTime } from "../../testing/program/until.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { move, moveAndReturn } from "./moved.ts";
import { assertRefuses, preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const NUMBER = 77;
const PROGRAM = new URL(
  "../../testing/qemu/programs/pass_connection.ts",
  import.meta.url,
).pathname;

Deno.test("a monitor on a passed connection greets again, on the same one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-passed-" });
  const path = `${folder}/client.sock`;
  using server = Deno.listen({ transport: "unix", path });
  const words = [Deno.execPath(), "run", "--quiet", "--allow-all", PROGRAM];
  const binary = `${folder}/wrapper`;
  await Deno.writeTextFile(
    binary,
    `#!/bin/sh\nexec ${words.join(" ")} ${NUMBER} ${path} ` +
      `${builds.old.binary} "$@"\n`,
    { mode: 0o755 },
  );
  const accepting = server.accept();
  await using vm = await VirtualMachine.boot({ ...builds.old, binary }, {
    ...PLAIN,
    extra: [
      ...["-chardev", `socket,id=passed,fd=${NUMBER}`],
      ...["-mon", "chardev=passed,mode=control"],
    ],
  }, "tcg");
  const witness = await Witness.of(vm);
  const connection = await accepting;
  const lines = linesOf(connection.readable).getReader();
  const greets = async (what: string) => {
    const { value } = await inTime(what, TIMEOUT_MS, lines.read());
    assertMatch(value ?? "", /^\{"QMP":/, what);
  };
  await greets("the first program");
  await move(vm, builds.new);
  await greets("the new program");
  await moveAndReturn(vm, builds.old);
  await greets("the program that was ended");
  await greets("the program in a rollback");
  await move(vm, builds.old);
  await greets("the last program");
  await witness.assertLivesOn();
  await lines.cancel();
  await Deno.remove(folder, { recursive: true });
});

/** Sends a socket to a VM that makes a character device on it. */
async function makeLate(
  vm: VirtualMachine,
  socket: UnixListener | UnixSocket,
  how: JsonObject,
): Promise<void> {
  await using qmp = await vm.monitor();
  await qmp.execute("getfd", { fdname: "sent" }, {
    descriptors: [socket.number],
  });
  const addr = { type: "fd", data: { str: "sent" } };
  await qmp.execute("chardev-add", {
    id: "late",
    backend: { type: "socket", data: { addr, ...how } },
  });
}

Deno.test("a server on a socket that was sent listens at its path again", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const path = `${vm.folder}/sent.sock`;
  {
    using listener = UnixListener.listen(path);
    await makeLate(vm, listener, { server: true, wait: false });
  }
  const steps = [
    () => move(vm, builds.new),
    () => moveAndReturn(vm, builds.old),
    () => move(vm, builds.old),
  ];
  for (const step of steps) {
    await step();
    using client = await UnixSocket.connect(path, TIMEOUT_MS);
    assertEquals(client.peerCredentials().pid, vm.pid);
  }
});

Deno.test("a character device on a connection that was sent is refused", async () => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  const path = `${vm.folder}/client.sock`;
  using _server = UnixListener.listen(path);
  {
    using client = await UnixSocket.connect(path, TIMEOUT_MS);
    await makeLate(vm, client, { server: false });
  }
  const checks = await preflightOf(vm, builds.new.binary);
  assertRefuses(checks, "chardevs", '"late"');
});
