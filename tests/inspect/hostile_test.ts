import { assert } from "@std/assert";
import { inspect } from "../../lib/inspect/mod.ts";
import {
  configuration,
  device,
  deviceStream,
  EOF,
  footer,
  HEADER,
  joined,
  section,
  vmdesc,
  vmsd,
} from "../../testing/streams/foreign.ts";
import { inputOf } from "../../testing/streams/streams.ts";

const uint8 = (name: string) => ({ name, type: "uint8", size: 1 });
const DEEPER_THAN_ANY = 40;

function nested(): Record<string, unknown> {
  let inner = vmsd("inner", [uint8("x")]);
  for (let depth = 0; depth < DEEPER_THAN_ANY; depth++) {
    inner = vmsd("inner", [{ ...uint8("s"), type: "struct", struct: inner }]);
  }
  return { ...uint8("s"), type: "struct", struct: inner };
}

const one = joined(section(4, 7, "dev", 1, [5]), footer(7));
const before = joined(HEADER, configuration());

const HOSTILE: Readonly<Record<string, Uint8Array>> = {
  "4 GiB of elements": deviceStream(
    [1],
    device([{ ...uint8("x"), array_len: 2 ** 32 }]),
  ),
  "4 GiB of elements of no size": deviceStream(
    [],
    device([{ name: "x", type: "nothing", size: 0, array_len: 2 ** 32 }]),
  ),
  "a buffer beyond the end": deviceStream(
    [1],
    device([{ name: "x", type: "buffer", size: 2 ** 40 }]),
  ),
  "structs in structs": deviceStream([1], device([nested()])),
  "a section that comes twice": joined(
    before,
    ...[one, one, EOF],
    vmdesc(device([uint8("x")]), device([uint8("x")])),
  ),
  "a description of another device": joined(
    before,
    ...[one, EOF],
    vmdesc({ ...device([uint8("x")]), name: "other" }),
  ),
  "a description that is too short": deviceStream([1, 2], device([uint8("x")])),
  "a subsection of another name": deviceStream(
    [1, 5, 5, 0x64, 0x65, 0x76, 0x2f, 0x61, 0, 0, 0, 1, 2],
    device([uint8("x")], [vmsd("dev/b", [uint8("y")])]),
  ),
  "a name that is not UTF-8": joined(
    before,
    [4, 0, 0, 0, 7, 2, 0xc3, 0x28, 0, 0, 0, 0, 0, 0, 0, 1],
    ...[one, EOF],
    vmdesc(device([uint8("x")])),
  ),
  "a machine with a long name": joined(
    ...[HEADER, [7, 0, 0, 1, 0], new Uint8Array(256), EOF],
  ),
  "more capabilities than there are": joined(
    HEADER,
    configuration("x").subarray(0, -6),
    ...[[0, 0, 1, 0], new Uint8Array(256), EOF],
  ),
  "a RAM block of 2^60 bytes": joined(
    before,
    section(1, 1, "ram", 4, [0x10, 0, 0, 0, 0, 0, 0, 4]),
  ),
};

for (const [name, bytes] of Object.entries(HOSTILE)) {
  Deno.test(`a problem is named with its place: ${name}`, async (t) => {
    const inspection = inspect(inputOf(bytes));
    assert(inspection.format === "migration-stream");
    const { problem } = inspection;
    assert(problem !== undefined && problem.location.offset <= bytes.length);
    await t.assertSnapshot(problem.message);
  });
}
