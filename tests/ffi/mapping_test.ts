import { assert, assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_RDONLY } from "../../ffi/open_flags.ts";
import { withoutLeaks } from "./leaks.ts";

const GIB = 2 ** 30;
const rw = { shared: true, writable: true } as const;

function mappingsOf(name: string): number {
  return Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => line.includes(name)).length;
}

Deno.test("a shared mapping is the file", () =>
  withoutLeaks(() => {
    using fd = createMemfd("shared", { size: 8192 });
    using mapping = Mapping.map(fd, { length: 8192, ...rw });
    mapping.bytes.set([1, 2, 3], 4096);
    const bytes = new Uint8Array(3);
    fd.pread(bytes, 4096);
    assertEquals([...bytes], [1, 2, 3]);
    fd.pwrite(Uint8Array.of(9), 8191);
    assertEquals(mapping.bytes[8191], 9);
    assertEquals(new DataView(mapping.buffer).getUint16(4096), 0x0102);
  }));

Deno.test("a private mapping starts as the file and keeps to itself", () =>
  withoutLeaks(() => {
    using fd = createMemfd("private", { size: 4096 });
    fd.pwrite(Uint8Array.of(5), 0);
    using mapping = Mapping.map(fd, {
      length: 4096,
      shared: false,
      writable: true,
    });
    assertEquals(mapping.bytes[0], 5);
    mapping.bytes[0] = 6;
    const byte = new Uint8Array(1);
    fd.pread(byte, 0);
    assertEquals(byte[0], 5);
  }));

Deno.test("a part is mapped at its offset, with a length of its own", () =>
  withoutLeaks(() => {
    using fd = createMemfd("part", { size: 3 * 4096 });
    fd.pwrite(Uint8Array.of(42), 4096 + 9);
    using mapping = Mapping.map(fd, { length: 10, offset: 4096, ...rw });
    assertEquals(mapping.bytes.length, 10);
    assertEquals(mapping.bytes[9], 42);
  }));

Deno.test("parts of a file are mapped one after another, with zeros between", () =>
  withoutLeaks(() => {
    using fd = createMemfd("parts", { size: 3 * 4096 });
    for (const page of [0, 1, 2]) {
      fd.pwrite(Uint8Array.of(page + 1), page * 4096);
    }
    using mapping = Mapping.mapParts(fd, [
      { length: 4096, offset: 2 * 4096 },
      { length: 8192, offset: undefined },
      { length: 10, offset: 0 },
    ]);
    const { bytes } = mapping;
    assertEquals(bytes.length, 3 * 4096 + 10);
    assertEquals([bytes[0], bytes[4096], bytes[3 * 4096]], [3, 0, 1]);
    assertEquals(mapping.release(0, bytes.length) <= bytes.length, true);
    assertEquals([bytes[0], bytes[3 * 4096]], [3, 1]);
    const beyond = [{ length: 4097, offset: 8192 }];
    assertThrows(() => Mapping.mapParts(fd, beyond), RangeError, "has 12288");
    const odd = [{ length: 4096, offset: 1 }];
    assertThrows(() => Mapping.mapParts(fd, odd), OsError, "EINVAL");
  }));

Deno.test("a mapping outlives its descriptor", () =>
  withoutLeaks(() => {
    const fd = createMemfd("outlived", { size: 4096 });
    using mapping = Mapping.map(fd, { length: 4096, ...rw });
    fd.close();
    mapping.bytes[0] = 1;
    assertEquals(mapping.bytes[0], 1);
  }));

Deno.test("the address is where /proc shows the file", () =>
  withoutLeaks(() => {
    using fd = createMemfd("addressed", { size: 4096 });
    using mapping = Mapping.map(fd, { length: 4096, ...rw });
    const line = Deno.readTextFileSync("/proc/self/maps").split("\n")
      .find((line) => line.includes("memfd:addressed"));
    assertEquals(line?.split("-")[0], mapping.address.toString(16));
  }));

Deno.test("after unmapping nothing reaches the memory, and nothing crashes", () =>
  withoutLeaks(() => {
    using fd = createMemfd("unmapped", { size: 4096 });
    const mapping = Mapping.map(fd, { length: 4096, ...rw });
    const { bytes, buffer } = mapping;
    const view = new DataView(buffer);
    const words = new Uint32Array(buffer);
    bytes[0] = 1;
    assertEquals(mappingsOf("memfd:unmapped"), 1);
    mapping[Symbol.dispose]();
    mapping[Symbol.dispose]();
    assertEquals(mappingsOf("memfd:unmapped"), 0);

    assert(buffer.detached);
    assertEquals([bytes.length, words.length], [0, 0]);
    assertEquals(bytes[0], undefined);
    bytes[0] = 7;
    assertThrows(() => view.getUint8(0), TypeError);
    assertThrows(() => bytes.set([1]));
    assertThrows(() => new Uint8Array(buffer), TypeError);
    assertThrows(() => mapping.bytes, TypeError, "unmapped");
    assertThrows(() => mapping.buffer, TypeError, "unmapped");
    const byte = new Uint8Array(1);
    fd.pread(byte, 0);
    assertEquals(byte[0], 1, "the file is as the last write left it");
  }));

Deno.test("a view in optimized code notices that the memory is gone", () =>
  withoutLeaks(() => {
    using fd = createMemfd("hot", { size: 4096 });
    const mapping = Mapping.map(fd, { length: 4096, ...rw });
    const { bytes } = mapping;
    const sum = () => {
      let total = 0;
      for (let i = 0; i < 4096; i++) total += bytes[i] ?? 1;
      return total;
    };
    for (let i = 0; i < 2000; i++) assertEquals(sum(), 0);
    mapping[Symbol.dispose]();
    assertEquals(sum(), 4096);
  }));

Deno.test("six gibibytes are one buffer, read and written at its far end", () =>
  withoutLeaks(() => {
    using fd = createMemfd("large", { size: 6 * GIB });
    using mapping = Mapping.map(fd, { length: 6 * GIB, ...rw });
    const end = 6 * GIB - 1;
    assertEquals(mapping.bytes.length, 6 * GIB);
    mapping.bytes[end] = 0x5a;
    const byte = new Uint8Array(1);
    fd.pread(byte, end);
    assertEquals(byte[0], 0x5a);

    using copy = createMemfd("copy");
    copy.writeAll(mapping.bytes.subarray(end - 9));
    assertEquals(copy.stat().size, 10);
    copy.pread(byte, 9);
    assertEquals(byte[0], 0x5a);
    fd.pread(mapping.bytes.subarray(5 * GIB, 5 * GIB + 1), end);
    assertEquals(mapping.bytes[5 * GIB], 0x5a);
  }));

Deno.test("mapping and unmapping thousands of times leaves nothing", () =>
  withoutLeaks(() => {
    using fd = createMemfd("many", { size: 64 << 20 });
    for (let i = 0; i < 2000; i++) {
      using mapping = Mapping.map(fd, { length: 64 << 20, ...rw });
      mapping.bytes[i] = 1;
    }
    assertEquals(mappingsOf("memfd:many"), 0);
  }));

Deno.test("an access that would kill the process is refused", () =>
  withoutLeaks(() => {
    using fd = createMemfd("small", { size: 4096 });
    assertThrows(
      () => Mapping.map(fd, { length: 4097, ...rw }),
      RangeError,
      "the file has 4096",
    );
    assertThrows(
      () => Mapping.map(fd, { length: 1, offset: 4096, ...rw }),
      RangeError,
    );
  }));

Deno.test("errors of mapping are the system's", () =>
  withoutLeaks(() => {
    using fd = createMemfd("errors", { size: 8192 });
    const codeOf = (fd: Fd, length: number, offset: number) =>
      assertThrows(() => Mapping.map(fd, { length, offset, ...rw }), OsError)
        .code;
    assertEquals(codeOf(fd, 0, 0), "EINVAL");
    assertEquals(codeOf(fd, 1, 1), "EINVAL");
    using readOnly = Fd.open(`/proc/self/fd/${fd.number}`, O_RDONLY);
    assertEquals(codeOf(readOnly, 4096, 0), "EACCES");
    using directory = Fd.open("/", O_RDONLY);
    assertEquals(codeOf(directory, 4096, 0), "EACCES");
  }));

Deno.test("released memory goes, and comes back from the file", () =>
  withoutLeaks(() => {
    const length = 1 << 20;
    using fd = createMemfd("released", { size: length });
    fd.pwrite(Uint8Array.of(7), 70_000);
    using mapping = Mapping.map(fd, { length, shared: true, writable: false });
    const touch = () => {
      let sum = 0;
      for (let at = 0; at < length; at += 4096) sum += mapping.bytes[at] ?? 0;
      return sum;
    };
    touch();
    assertEquals(residentKilobytes("released"), length / 1024);
    const last = mapping.release(1, length);
    assert(last > length - 65_536 && last <= length);
    assert(residentKilobytes("released") <= 128);
    assertEquals(mapping.release(70_000, 70_001), 70_000);
    assertEquals(mapping.bytes[70_000], 7);
  }));

Deno.test("memory is released piece by piece, completely", () =>
  withoutLeaks(() => {
    const length = 8 << 20;
    using fd = createMemfd("walked", { size: length });
    using mapping = Mapping.map(fd, { length, shared: true, writable: false });
    let released = 0;
    for (let at = 0; at < length; at += 4096) {
      assertEquals(mapping.bytes[at], 0);
      if (at % 100_000 < 4096) released = mapping.release(released, at);
    }
    mapping.release(released, length);
    assert(residentKilobytes("walked") <= 128);
  }));

function residentKilobytes(name: string): number {
  const maps = Deno.readTextFileSync("/proc/self/smaps");
  const mine = maps.slice(maps.indexOf(`/memfd:${name}`));
  return Number(/^Rss:\s+(\d+) kB/m.exec(mine)?.[1]);
}
