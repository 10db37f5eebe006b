import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY } from "../../ffi/open_flags.ts";
import {
  type FileIdentity,
  findFile,
  identityOf,
  isSameIdentity,
} from "../../lib/proc/file_identity.ts";

Deno.test("files whose inodes a number would round to one are two", () => {
  const large = 2n ** 63n;
  assertEquals(Number(large + 1n), Number(large + 2n));
  const [one, other] = [1n, 2n].map((n) =>
    identityOf({ dev: 1n, ino: large + n })
  ) as [FileIdentity, FileIdentity];
  assert(isSameIdentity(one, JSON.parse(JSON.stringify(one))));
  assert(!isSameIdentity(one, other));
});

Deno.test("a file is found by its path, or is not there", async () => {
  const path = new URL(import.meta.url).pathname;
  using file = Fd.open(path, O_RDONLY);
  const found = await findFile(path);
  assertEquals(found?.identity, identityOf(file.stat()));
  assertEquals(found?.isFile, true);
  assertEquals(await findFile(`${path}.none`), undefined);
  assertEquals(await findFile(`${path}/below`), undefined);
});
