import type { Sink, Source } from "../stream/mod.ts";
import {
  type Codec,
  type Field,
  field,
  type FieldOptions,
  fixedSize,
  type Siblings,
} from "./codec.ts";
import { InvalidValue } from "./error.ts";

type NumberWidth = "u8" | "i8" | "u16" | "i16" | "u32" | "i32";
type BigintWidth = "u64" | "i64";

/** vmdesc type name and wire size of each integer. */
const WIDTHS = {
  u8: { type: "uint8", size: 1 },
  i8: { type: "int8", size: 1 },
  u16: { type: "uint16", size: 2 },
  i16: { type: "int16", size: 2 },
  u32: { type: "uint32", size: 4 },
  i32: { type: "int32", size: 4 },
  u64: { type: "uint64", size: 8 },
  i64: { type: "int64", size: 8 },
} as const;

function numberCodec(width: NumberWidth): Codec<number> {
  return {
    ...fixedSize(WIDTHS[width].type, WIDTHS[width].size),
    initial: () => 0,
    load: (source: Source) => source[width](),
    save: (sink: Sink, value: number) => sink[width](value),
  };
}

function bigintCodec(width: BigintWidth): Codec<bigint> {
  return {
    ...fixedSize(WIDTHS[width].type, WIDTHS[width].size),
    initial: () => 0n,
    load: (source: Source) => source[width](),
    save: (sink: Sink, value: bigint) => sink[width](value),
  };
}

/** The plain integer codecs by their short names. */
export const INTEGERS = {
  u8: numberCodec("u8"),
  i8: numberCodec("i8"),
  u16: numberCodec("u16"),
  i16: numberCodec("i16"),
  u32: numberCodec("u32"),
  i32: numberCodec("i32"),
  u64: bigintCodec("u64"),
  i64: bigintCodec("i64"),
} as const;

/** One byte, 0 to 255. */
export const u8 = (o?: FieldOptions): Field<number> => field(INTEGERS.u8, o);
/** One byte, -128 to 127. */
export const i8 = (o?: FieldOptions): Field<number> => field(INTEGERS.i8, o);
/** be16, unsigned. */
export const u16 = (o?: FieldOptions): Field<number> => field(INTEGERS.u16, o);
/** be16, two's complement. */
export const i16 = (o?: FieldOptions): Field<number> => field(INTEGERS.i16, o);
/** be32, unsigned. */
export const u32 = (o?: FieldOptions): Field<number> => field(INTEGERS.u32, o);
/** be32, two's complement. */
export const i32 = (o?: FieldOptions): Field<number> => field(INTEGERS.i32, o);
/** be64, unsigned. */
export const u64 = (o?: FieldOptions): Field<bigint> => field(INTEGERS.u64, o);
/** be64, two's complement. */
export const i64 = (o?: FieldOptions): Field<bigint> => field(INTEGERS.i64, o);

/** One byte; QEMU writes 0 or 1 only, so anything else is damage. */
const boolCodec: Codec<boolean> = {
  ...fixedSize("bool", 1),
  initial: () => false,
  load(source) {
    const byte = source.u8();
    if (byte > 1) throw new InvalidValue(`${byte} is not a boolean`);
    return byte === 1;
  },
  save: (sink, value) => sink.u8(value ? 1 : 0),
};

/** One byte, 0 or 1. */
export const bool = (o?: FieldOptions): Field<boolean> => field(boolCodec, o);

/**
 * An integer that must equal what this machine was built with, such as a
 * number of queues; any other value refuses the load.
 */
function equal<T extends number | bigint>(
  codec: Codec<T>,
  type: string,
  expected: (siblings: Siblings) => T,
): Codec<T> {
  return {
    ...codec,
    ...fixedSize(type, codec.minimumSize),
    load(source, context, siblings) {
      const value = codec.load(source, context, siblings);
      const own = expected(siblings);
      if (value !== own) {
        throw new InvalidValue(`it is ${value} and must be ${own} here`);
      }
      return value;
    },
  };
}

/** u8 that must equal the local value. */
export const u8Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u8, "uint8 equal", () => expected), o);
/** be16 that must equal the local value. */
export const u16Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u16, "uint16 equal", () => expected), o);
/** be32 that must equal the local value. */
export const u32Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u32, "uint32 equal", () => expected), o);
/** Signed be32 that must equal the local value. */
export const i32Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.i32, "int32 equal", () => expected), o);
/** be64 that must equal the local value; QEMU names its type "int64 equal". */
export const u64Equal = (expected: bigint, o?: FieldOptions): Field<bigint> =>
  field(equal(INTEGERS.u64, "int64 equal", () => expected), o);

/** Signed be32 that must lie in 0 … `limit`. */
export const i32Le = (limit: number, o?: FieldOptions): Field<number> =>
  field({
    ...INTEGERS.i32,
    ...fixedSize("int32 le", INTEGERS.i32.minimumSize),
    load(source) {
      const value = source.i32();
      if (value < 0 || value > limit) {
        throw new InvalidValue(`${value} is not in 0..${limit}`);
      }
      return value;
    },
  }, o);
