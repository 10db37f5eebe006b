/** Streams to look into, and an input that is in memory. */

import type { Input } from "../../lib/inspect/mod.ts";
import {
  configuration,
  device,
  deviceStream,
  EOF,
  EOS,
  footer,
  HEADER,
  joined,
  oneBlock,
  ramPart,
  ramStart,
  section,
  vmdesc,
  vmsd,
  word,
} from "../migration/stream/foreign.ts";

/** Bytes as a file of that name. */
export function inputOf(bytes: Uint8Array, name = "vm.state"): Input {
  return { name, bytes, passed() {}, [Symbol.dispose]() {} };
}

const field = (name: string, type: string, size: number) => ({
  name,
  type,
  size,
});

/** One device with a value of every wire type. */
export function everyType(): Uint8Array {
  const inner = vmsd("inner", [field("a", "uint8", 1)]);
  const sub = vmsd("inner/more", [field("b", "uint8", 1)]);
  const marker = field("queue", "ptr-marker", 1);
  return deviceStream(
    [
      ...[1, 2, 0xff, 0xff, 0xff, 0xfe],
      ...[0xff, 0xff, 0xff, 0xff],
      ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ...[0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0],
      ...[0xca, 0xfe, 0, 0, 0],
      ...[1, 2, 3, 1, 2, 3],
      ...[0x30, 0x31, 9, 0x30],
      ...[8, 5, 10, ...new TextEncoder().encode("inner/more"), 0, 0, 0, 1, 7],
      ...[5, 7, ...new TextEncoder().encode("dev/sub"), 0, 0, 0, 1, 6],
    ],
    device(
      [
        field("flag", "bool", 1),
        field("odd flag", "bool", 1),
        field("small", "int32", 4),
        field("unsigned", "uint32", 4),
        field("large", "uint64", 8),
        field("timer", "timer", 8),
        field("bits", "bitmap", 16),
        field("raw", "buffer", 2),
        field("nothing", "unused_buffer", 3),
        { ...field("packed", "uint8", 1), array_len: 3 },
        ...[0, 1, 2].map((index) => ({ ...field("spelt", "uint8", 1), index })),
        marker,
        marker,
        { ...field("queue", "struct", 1), struct: inner },
        marker,
        {
          ...field("nested", "struct", 1 + 1 + 1 + 10 + 4 + 1),
          struct: { ...inner, subsections: [sub] },
        },
      ],
      [vmsd("dev/sub", [field("s", "uint8", 1)])],
    ),
  );
}

const PAGE = new Uint8Array(4096).fill(0x5a);

/** Two blocks; pages of content and of zeros, one sent twice. */
export function withRam(): Uint8Array {
  const list = joined(
    word(0x6000 + 4),
    oneBlock("ram0", 0x4000).subarray(8),
    oneBlock("/rom@etc/x", 0x2000).subarray(8),
    EOS,
  );
  return joined(
    HEADER,
    configuration(),
    ramStart(list),
    ramPart(joined(
      ...[word(0x0008), [4], new TextEncoder().encode("ram0"), PAGE],
      ...[word(0x1022), [0]],
      ...[word(0x2028), PAGE.toReversed()],
      ...[word(0x0028), PAGE.map((_, at) => at & 0xff)],
      ...[word(0x2022), [0]],
      ...[word(0x1008), [10], new TextEncoder().encode("/rom@etc/x"), PAGE],
      EOS,
    )),
    [3, 0, 0, 0, 1],
    EOS,
    footer(1),
    joined(section(4, 7, "dev", 1, [5]), footer(7)),
    EOF,
    vmdesc(device([field("x", "uint8", 1)])),
  );
}
