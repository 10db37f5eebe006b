import { gzipSync, zstdCompressSync } from "node:zlib";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { inspect, InspectError, openInput } from "../../lib/inspect/mod.ts";
import { joined } from "../../testing/streams/foreign.ts";
import { withRam } from "../../testing/streams/streams.ts";
import { inFolder } from "./folder.ts";
import { makeFifo } from "./fifo.ts";

/** What is read of a file with these bytes. */
async function opened(bytes: Uint8Array): Promise<Uint8Array> {
  let read: Uint8Array | undefined;
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/state`, bytes);
    using input = await openInput(`${folder}/state`);
    read = input.bytes.slice();
  });
  assert(read !== undefined);
  return read;
}

Deno.test("a state compressed by gzip or zstd is decompressed", async () => {
  for (const compress of [gzipSync, zstdCompressSync]) {
    assertEquals(await opened(compress(withRam())), withRam());
  }
  const halves = [withRam().subarray(0, 9), withRam().subarray(9)];
  const members = halves.map((half) => gzipSync(half));
  assertEquals(await opened(joined(...members)), withRam());
});

Deno.test("a large one is kept in a file, and mapped", async () => {
  const large = new Uint8Array(65 * 1024 * 1024);
  large.set(withRam());
  large.set([9], large.length - 1);
  const read = await opened(zstdCompressSync(large));
  assertEquals([read.length, read.at(-1)], [large.length, 9]);
});

Deno.test("one that comes through a pipe is decompressed as well", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/state.gz`, gzipSync(withRam()));
    await makeFifo(`${folder}/f`, 'cat "$1"', `${folder}/state.gz`);
    using input = await openInput(`${folder}/f`);
    assertEquals(input.bytes, withRam());
  }));

Deno.test("what was compressed is named if it is no state, and not kept", async () => {
  for (
    const bytes of [new Uint8Array(64 * 1024 ** 2), gzipSync(gzipSync("x"))]
  ) {
    const read = await opened(gzipSync(bytes));
    assert(read.length < 100, "more than its magic is read");
    const input = {
      name: "x",
      bytes: read,
      passed() {},
      [Symbol.dispose]() {},
    };
    assertThrows(() => inspect(input), InspectError, "neither a migration");
  }
});

Deno.test("a damaged one is said so, with another way", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state`;
    const two = joined(zstdCompressSync("QEVM"), zstdCompressSync("x"));
    const gz = gzipSync(withRam());
    for (
      const [bytes, why, program] of [
        [gz.subarray(0, -20), "unexpected end of file", "gunzip -c"],
        [joined(gz, [1, 2, 3]), "incorrect header check", "gunzip -c"],
        [two, "another frame follows the first one", "zstd -dc"],
      ] as const
    ) {
      await Deno.writeFile(path, bytes);
      const { message, remedy } = await assertRejects(
        () => openInput(path),
        InspectError,
      );
      assertEquals(message, `Cannot decompress "${path}": ${why}`);
      const line = `${program} < ${path} | cprctl inspect -`;
      assertEquals(remedy, `Decompress it: ${line}`);
    }
  }));
