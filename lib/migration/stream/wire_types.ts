import type { Sink, Source } from "../../stream/mod.ts";
import type { DecodedValue } from "./decoded.ts";

/** A wire type of vmdesc whose values are more than bytes. */
export interface WireType {
  /** Wire bytes; undefined if they depend on the value. */
  readonly size: number | undefined;
  load(source: Source, size: number): DecodedValue;
  /** For types with a size: loads many in a row, with one check of the end. */
  loadMany?(source: Source, count: number): DecodedValue[];
  /** @throws {TypeError | RangeError} when the value does not have this type */
  save(sink: Sink, value: DecodedValue): void;
}

type NumberWidth = "u8" | "i8" | "u16" | "i16" | "u32" | "i32";
type BigintWidth = "u64" | "i64";

/** Reads a big-endian integer at an offset. */
type Read<Value> = (view: DataView, at: number) => Value;

function numberType(
  width: NumberWidth,
  size: number,
  read: Read<number>,
): WireType {
  return {
    size,
    load: (source) => source[width](),
    loadMany: manyOf(read, size),
    save(sink, value) {
      if (typeof value !== "number") throw wrongValue(value, "a number");
      sink[width](value);
    },
  };
}

function bigintType(width: BigintWidth, read: Read<bigint>): WireType {
  return {
    size: 8,
    load: (source) => source[width](),
    loadMany: manyOf(read, 8),
    save(sink, value) {
      if (typeof value !== "bigint") throw wrongValue(value, "a bigint");
      sink[width](value);
    },
  };
}

/** Tables have thousands of elements: the end is checked once. */
function manyOf<Value extends DecodedValue>(read: Read<Value>, size: number) {
  return (source: Source, count: number): Value[] => {
    const view = source.view(count * size);
    const values = new Array<Value>(count);
    for (let index = 0; index < count; index++) {
      values[index] = read(view, index * size);
    }
    return values;
  };
}

function wrongValue(value: DecodedValue, expected: string): TypeError {
  return new TypeError(`${typeof value} given, it takes ${expected}`);
}

/** QEMU reads any byte but 0 as true; values other than 1 stay numbers here. */
const bool: WireType = {
  size: 1,
  load: (source) => boolOf(source.u8()),
  loadMany: manyOf((view, at) => boolOf(view.getUint8(at)), 1),
  save: (sink, value) =>
    uint8.save(sink, typeof value === "boolean" ? Number(value) : value),
};

const words = manyOf((view, at) => view.getBigUint64(at), 8);
const levels = manyOf((view, at) => view.getUint32(at), 4);

function boolOf(byte: number): boolean | number {
  return byte > 1 ? byte : byte === 1;
}

const bitmap: WireType = {
  size: undefined,
  load: (source, size) =>
    size % 8 === 0 ? words(source, size / 8) : source.bytes(size),
  save(sink, value) {
    if (value instanceof Uint8Array) return sink.bytes(value);
    if (!Array.isArray(value)) throw wrongValue(value, "words");
    for (const word of value) uint64.save(sink, word);
  },
};

const pciIrqState: WireType = {
  size: 16,
  load: (source) => levels(source, 4),
  save(sink, value) {
    if (!Array.isArray(value) || value.length !== 4) {
      throw wrongValue(value, "four levels");
    }
    for (const level of value) uint32.save(sink, level);
  },
};

/** vmdesc has the size of the first one only; use the length byte. */
const capability: WireType = {
  size: undefined,
  load: (source) => source.countedString(),
  save(sink, value) {
    if (typeof value !== "string") throw wrongValue(value, "a string");
    sink.countedString(value);
  },
};

const uint8 = numberType("u8", 1, (view, at) => view.getUint8(at));
const uint16 = numberType("u16", 2, (view, at) => view.getUint16(at));
const uint32 = numberType("u32", 4, (view, at) => view.getUint32(at));
const int32 = numberType("i32", 4, (view, at) => view.getInt32(at));
const uint64 = bigintType("u64", (view, at) => view.getBigUint64(at));
const int64 = bigintType("i64", (view, at) => view.getBigInt64(at));

const TYPES: ReadonlyMap<string, WireType> = new Map([
  ["bool", bool],
  ["int8", numberType("i8", 1, (view, at) => view.getInt8(at))],
  ["uint8", uint8],
  ["uint8 equal", uint8],
  ["int16", numberType("i16", 2, (view, at) => view.getInt16(at))],
  ["uint16", uint16],
  ["uint16 equal", uint16],
  ["int32", int32],
  ["int32 equal", int32],
  ["int32 le", int32],
  ["uint32", uint32],
  ["uint32 equal", uint32],
  ["int64", int64],
  // QEMU's name of the check of a uint64.
  ["int64 equal", uint64],
  ["uint64", uint64],
  ["CPU_Double_U", uint64],
  ["timer", int64],
  ["bitmap", bitmap],
  ["pci irq state", pciIrqState],
  ["capability", capability],
]);

/** Types whose values are plain bytes. */
const BYTES: ReadonlySet<string> = new Set([
  "buffer",
  "unused_buffer",
  "pci config",
]);

/** Whether a type has an inner structure that is not described. */
export function hasUnknownParts(type: string): boolean {
  const { wire } = partsOf(type);
  return !TYPES.has(wire) && !BYTES.has(wire);
}

/**
 * A type of a layout is a wire type and, behind a colon, what the value means:
 * `le16:pci command`. vmdesc has no types with a colon.
 */
export function partsOf(type: string): { wire: string; meaning?: string } {
  const colon = type.indexOf(":");
  return colon < 0
    ? { wire: type }
    : { wire: type.slice(0, colon), meaning: type.slice(colon + 1) };
}

/** Plain bytes, for any other type. */
const opaque: WireType = {
  size: undefined,
  load: (source, size) => source.bytes(size),
  save(sink, value) {
    if (!(value instanceof Uint8Array)) throw wrongValue(value, "bytes");
    sink.bytes(value);
  },
};

/** The wire type of a vmdesc type name; names are chosen by devices. */
export function wireType(name: string): WireType {
  return TYPES.get(name) ?? opaque;
}

function littleNumber(
  size: number,
  read: Read<number>,
  write: (view: DataView, value: number) => void,
): WireType {
  return {
    size,
    load: (source) => read(source.view(size), 0),
    save(sink, value) {
      if (typeof value !== "number") throw wrongValue(value, "a number");
      const view = new DataView(new ArrayBuffer(size));
      write(view, value);
      sink.bytes(new Uint8Array(view.buffer));
    },
  };
}

/** Types that only layouts use: PCI and virtio devices are little-endian. */
const LITTLE: ReadonlyMap<string, WireType> = new Map([
  [
    "le16",
    littleNumber(
      2,
      (view, at) => view.getUint16(at, true),
      (view, value) => view.setUint16(0, value, true),
    ),
  ],
  [
    "le32",
    littleNumber(
      4,
      (view, at) => view.getUint32(at, true),
      (view, value) => view.setUint32(0, value, true),
    ),
  ],
  ["le64", {
    size: 8,
    load: (source) => source.view(8).getBigUint64(0, true),
    save(sink, value) {
      if (typeof value !== "bigint") throw wrongValue(value, "a bigint");
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, value, true);
      sink.bytes(new Uint8Array(view.buffer));
    },
  }],
]);

const ZEROS = "zeros of ";

/** The type of a number of elements that have only zeros. */
export function zeroRun(elementSize: number): string {
  return ZEROS + elementSize;
}

function zeros(elementSize: number): WireType {
  return {
    size: undefined,
    load: (source, size) => source.bytes(size).length / elementSize,
    save(sink, value) {
      if (typeof value !== "number") throw wrongValue(value, "a number");
      sink.bytes(new Uint8Array(value * elementSize));
    },
  };
}

/** The wire type of any field: of vmdesc, or of a layout. */
export function fieldType(type: string): WireType {
  const plain = TYPES.get(type);
  if (plain !== undefined) return plain;
  const { wire } = partsOf(type);
  const known = TYPES.get(wire) ?? LITTLE.get(wire);
  if (known !== undefined) return known;
  return wire.startsWith(ZEROS)
    ? zeros(Number(wire.slice(ZEROS.length)))
    : opaque;
}
