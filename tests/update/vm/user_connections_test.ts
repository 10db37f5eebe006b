import { assertEquals } from "@std/assert";
import { connectionsIn } from "../../../lib/update/vm/user_connections.ts";

Deno.test("forwarded ports and other protocols are not connections", () => {
  const lines = `Hub -1 (net):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   19       10.0.2.15 36514   192.168.1.10   443     0     0
  TCP[SYN_SENT]      20       127.0.0.1 50000      10.0.2.15    22     0     0
  TCP[HOST_FORWARD]  17       127.0.0.1 39021      10.0.2.15    22     0     0
  UDP[236 sec]       21       10.0.2.15 43511       10.0.2.3    53     0     0
`.split("\n");
  assertEquals(connectionsIn(lines), [19, 20]);
});
