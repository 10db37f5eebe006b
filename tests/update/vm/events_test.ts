import { assertEquals } from "@std/assert";
import { QmpClient } from "../../../lib/qmp/mod.ts";
import { ShutdownWatch } from "../../../lib/update/vm/events.ts";
import { FakePeer } from "../../qmp/fake_peer.ts";

Deno.test("why a process ended is known though its last event is unread", async () => {
  using peer = new FakePeer();
  const connecting = QmpClient.connect(peer.address, { timeoutMs: 20_000 });
  using session = await peer.accept();
  await session.handshake();
  await using client = await connecting;
  using watch = new ShutdownWatch(client);
  await session.send(
    `{"timestamp": {"seconds": 1795379850, "microseconds": 462324}, ` +
      `"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}\r\n`,
  );
  session.close();
  assertEquals(await watch.whyItEnded(), "its guest powered it off");
});
