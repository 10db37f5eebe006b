import { assert, assertEquals, assertThrows } from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { ChannelError } from "../../lib/channel/error.ts";
import { IncomingFile, OutgoingFile } from "../../lib/channel/file.ts";
import type { MigrationAddress } from "../../lib/channel/mod.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";

const bytes = new TextEncoder().encode("a stream of bytes");

/** A path in a folder that is there as long as the call. */
function withPath(test: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "cprctl-channel-" });
  try {
    test(`${folder}/state`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function file(filename: string, offset = 0): MigrationAddress {
  return { transport: "file", filename, offset };
}

function write(address: MigrationAddress): void {
  using out = OutgoingFile.open(address);
  out.write(bytes.subarray(0, 5));
  out.write(bytes.subarray(5));
  out.close();
}

test(
  "what is written is read, for the owner alone",
  () =>
    withPath((path) => {
      Deno.writeTextFileSync(path, "0123456789 and what is cut off");
      Deno.chmodSync(path, 0o600);
      write(file(path, 4));
      assertEquals(Deno.readTextFileSync(path), "0123a stream of bytes");
      using input = IncomingFile.open(file(path, 4));
      assertEquals(input.start(8), bytes.slice(0, 8));
      assertEquals(input.readAll(100), bytes);
      assertEquals(input.start(100), bytes);
      Deno.removeSync(path);
      write(file(path));
      assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    }),
);

test("a descriptor is used, and stays the opener's", () => {
  using memfd = createMemfd("stream");
  const address = {
    transport: "socket",
    type: "fd",
    str: `${memfd.number}`,
  } as const;
  write(address);
  using input = IncomingFile.open(address);
  assertEquals(input.readAll(100), bytes);
  assert(!memfd.closed);
});

test("more than the limit is refused", () =>
  withPath((path) => {
    write(file(path));
    using input = IncomingFile.open(file(path));
    assertThrows(() => input.readAll(5), ChannelError, "File too large");
  }));

test(
  "what cannot be used is closed, and said in words",
  () =>
    withPath((path) => {
      const open = (address: MigrationAddress) => OutgoingFile.open(address);
      const cases: [() => unknown, string][] = [
        [() => open(file("/dev/null")), "is not a file"],
        [() => open(file(`${path}/x`)), "Could not create"],
        [() => open({ transport: "rdma", host: "h", port: "1" }), "rdma:h:1"],
        [() => open(file(path, -1)), "Invalid argument"],
        [() => IncomingFile.open(file(`${path}.no`)), "Could not open"],
        [() => IncomingFile.open(file("/dev")), "is not a file"],
      ];
      for (const [attempt, words] of cases) {
        assertThrows(attempt, ChannelError, words);
      }
      using out = OutgoingFile.open(file(path));
      out.close();
      assertThrows(() => out.write(bytes));
    }),
);
