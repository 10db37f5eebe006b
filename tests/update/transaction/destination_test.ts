import { assertEquals, assertRejects } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { Destination } from "../../../lib/update/transaction/destination.ts";
import type { VmRecord } from "../../../lib/update/vm/facts.ts";
import { FakePeer, GREETING } from "../../qmp/fake_peer.ts";
import { factsOf } from "../command/vm.ts";

/** Long enough never to matter, short enough to end a broken test. */
const TIMEOUT_MS = 20_000;

/** A VM whose monitor is the peer, in this process. */
function vmOf({ address }: FakePeer): VmRecord {
  return factsOf([], { address, pid: Deno.pid });
}

Deno.test("a greeting of the old program is not taken for the new one's", async () => {
  using peer = new FakePeer();
  const connecting = Destination.connect(vmOf(peer), "new", TIMEOUT_MS);
  const dying = await peer.accept();
  await dying.send(GREETING);
  dying.close();
  using session = await peer.accept();
  await session.handshake();
  const { execute, id } = await session.command();
  assertEquals(execute, "migrate-set-capabilities");
  await session.send(`{"return": {}, "id": ${id}}\r\n`);
  await using side = await connecting;
  assertEquals(side.client.version.major, 11);
});

Deno.test("the monitor of another process is not accepted", async () => {
  using peer = new FakePeer();
  const connecting = assertRejects(
    () =>
      Destination.connect(
        { ...vmOf(peer), pid: Deno.ppid },
        "new",
        TIMEOUT_MS,
      ),
    UpdateProblem,
    `Process ${Deno.pid} answers`,
  );
  using session = await peer.accept();
  await session.send(GREETING);
  await connecting;
});

Deno.test("a program that hangs after its greeting times out", async () => {
  using peer = new FakePeer();
  const connecting = assertRejects(
    () => Destination.connect(vmOf(peer), "new", 100),
    UpdateProblem,
    "The new program does not answer",
  );
  using session = await peer.accept();
  await session.send(GREETING);
  await connecting;
});
