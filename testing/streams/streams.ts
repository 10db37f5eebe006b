/** Streams to look into, and an input that is in memory. */

import { qemuJson } from "../../lib/migration/stream/mod.ts";
import type { Input } from "../../lib/inspect/mod.ts";
import { Sink } from "../../lib/stream/mod.ts";
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
  vmdescText,
  vmsd,
  word,
} from "./foreign.ts";

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

const PAGE_SIZE = 4096;
const PAGE = new Uint8Array(PAGE_SIZE).fill(0x5a);

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

/**
 * One block of which pages 0 and 2 are there.
 *
 * @param start of the stream in its file
 */
export function mappedRam(start = 0): Uint8Array {
  const before = joined(HEADER, configuration("mapped-ram"));
  const payload = 1 + 4 + 4 + 4 + 4;
  const sink = new Sink();
  sink.bytes(oneBlock("r", 3 * PAGE_SIZE));
  const bitmap = before.length + payload + sink.offset + 28;
  sink.u32(1);
  sink.size64(PAGE_SIZE);
  sink.size64(start + bitmap);
  const pages = Math.ceil((bitmap + 8) / PAGE_SIZE) * PAGE_SIZE;
  sink.size64(start + pages);
  // Bits beyond the last page mean nothing.
  sink.bytes(Uint8Array.of(0b1111_0101, 0xff, 0, 0, 0, 0, 0, 0));
  sink.zeros(pages - bitmap - 8);
  sink.bytes(new Uint8Array(PAGE_SIZE).fill(1));
  sink.bytes(new Uint8Array(PAGE_SIZE).fill(2));
  sink.bytes(new Uint8Array(PAGE_SIZE).fill(3));
  sink.bytes(EOS);
  return joined(
    before,
    section(1, 1, "ram", 4, sink.toBytes()),
    footer(1),
    EOF,
  );
}

/** A section that only its own code can read, in parts, around RAM. */
export function withOpaque(): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    joined(section(1, 3, "dirty-bitmap", 1, [0x7e, 0, 0, 0, 3]), footer(3)),
    ramStart(joined(oneBlock("r", 0x4000), EOS)),
    joined([2, 0, 0, 0, 3], [1, 2, 3], footer(3)),
    ramPart(joined(word(0x0002), [1, 0x72], [0], word(0x1022), [0], EOS)),
    joined([3, 0, 0, 0, 3], [4], footer(3)),
    joined(section(4, 7, "dev", 1, [5]), footer(7)),
    EOF,
    vmdesc(device([field("x", "uint8", 1)])),
  );
}

/** Pages as deltas and compressed ones, of a target whose pages are 1 KiB. */
export function codedPages(): Uint8Array {
  const page = new Uint8Array(1024).fill(7);
  const bits = new TextEncoder().encode("configuration/target-page-bits");
  return joined(
    HEADER,
    configuration(),
    [5, bits.length, ...bits, 0, 0, 0, 1, 0, 0, 0, 10],
    ramStart(joined(oneBlock("r", 0x4000), EOS)),
    ramPart(joined(
      ...[word(0x0008), [1, 0x72], page],
      ...[word(0x0060), [1, 0, 5], [2, 3, 1, 2, 3]],
      ...[word(0x0060), [1, 0, 3], [0, 1, 9]],
      ...[word(0x0422), [0]],
      ...[word(0x0460), [1, 0, 3], [5, 1, 9]],
      word(0x200),
      EOS,
    )),
    ramPart(joined(word(0x0920), [0, 0, 0, 4], [0x78, 0x9c, 1, 2], EOS)),
    joined(section(4, 7, "dev", 1, [5]), footer(7)),
    EOF,
    vmdescText(qemuJson({
      page_size: 1024,
      devices: [device([field("x", "uint8", 1)])],
    })),
  );
}

/** Commands, huge pages announced by one of them, and a package. */
export function postcopy(): Uint8Array {
  const advice = [...[0, 0, 0, 0, 0, 0x20, 0x10, 0], ...word(4096)];
  const inner = joined(section(4, 7, "dev", 1, [5]), footer(7));
  return joined(
    HEADER,
    configuration(),
    ...[[8, 0, 3, 0, 16], advice],
    ...[[8, 0, 2, 0, 4], [0, 0, 0, 1]],
    ramStart(joined(oneBlock("huge", 0x400000), word(0x200000), EOS)),
    ramPart(joined(word(0x2), [4], new TextEncoder().encode("huge"), [0], EOS)),
    ...[[8, 0, 7, 0, 4], [0, 0, 0, inner.length], inner],
    EOF,
  );
}
