import { assertEquals } from "@std/assert";
import { QueueCount } from "../../lib/qmp/silence.ts";

const TABLE = `\
Num       RefCount Protocol Flags    Type St Inode Path
00000000c504b6d3: 00000002 00000000 00010000 0001 01 30437 /run/vm/a b.sock
000000002d92a9d6: 00000003 00000000 00000000 0001 03 30438 /run/vm/a b.sock
00000000cf9c21bb: 00000003 00000000 00000000 0001 02     0 /run/vm/a b.sock
0000000003adbe11: 00000003 00000000 00000000 0001 02     0 /run/vm/a b.sock
0000000003adbe12: 00000003 00000000 00000000 0001 02     0 /run/vm/a
0000000003adbe13: 00000003 00000000 00000000 0001 03 30444
`;

function queueOf(table: string, path: string) {
  const count = new QueueCount(path);
  for (const line of table.split("\n")) count.add(line);
  return count.queue;
}

Deno.test("the kernel's table tells the served from the waiting", () => {
  assertEquals(queueOf(TABLE, "/run/vm/a b.sock"), {
    accepted: 1,
    waiting: 2,
  });
});

Deno.test("a socket that the table does not list is unknown", () => {
  assertEquals(queueOf(TABLE, "/run/vm/a"), undefined);
  assertEquals(queueOf("", "/run/vm/a"), undefined);
});
