import { assertEquals } from "@std/assert";
import { parseUnixSocket, readSocketQueue } from "../../lib/proc/net_unix.ts";

const parsed = (line: string) => parseUnixSocket(`00000000c504b6d3: ${line}`);

Deno.test("a socket that listens is told from its connections", () => {
  const path = "/run/vm/a b.sock";
  assertEquals(
    parsed("00000002 00000000 00010000 0001 01 30437 /run/vm/a b.sock"),
    { listens: true, state: 1, inode: "30437", path },
  );
  assertEquals(
    parsed("00000003 00000000 00000000 0001 03 30438 /run/vm/a b.sock"),
    { listens: false, state: 3, inode: "30438", path },
  );
  assertEquals(
    parsed("00000003 00000000 00000000 0001 02     0 /run/vm/a b.sock"),
    { listens: false, state: 2, inode: "0", path },
  );
});

Deno.test("an abstract name begins with its sign", () => {
  const line = "00000002 00000000 00010000 0001 01   105 @/tmp/x";
  assertEquals(parsed(line)?.path, "@/tmp/x");
});

Deno.test("a line without a path is none", () => {
  assertEquals(parsed("00000003 00000000 00000000 0001 03 30444"), undefined);
  assertEquals(
    parseUnixSocket("Num       RefCount Protocol Flags    Type St Inode Path"),
    undefined,
  );
  assertEquals(parseUnixSocket(""), undefined);
});

Deno.test("connections that were accepted are told from those that wait", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a b.sock`;
  try {
    assertEquals(await readSocketQueue("self", path), undefined);
    using listener = Deno.listen({ transport: "unix", path });
    const connect = () => Deno.connect({ transport: "unix", path });
    using _first = await connect();
    using _accepted = await listener.accept();
    using _second = await connect();
    using _third = await connect();
    const queue = { accepted: 1, waiting: 2 };
    assertEquals(await readSocketQueue("self", path), queue);
    assertEquals(await readSocketQueue(Deno.pid, path), queue);
    assertEquals(await readSocketQueue("self", `${folder}/a`), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
