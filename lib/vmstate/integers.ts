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

function numberCodec(
  width: NumberWidth,
  type: string,
  size: number,
): Codec<number> {
  return {
    ...fixedSize(type, size),
    initial: () => 0,
    load: (source: Source) => source[width](),
    save: (sink: Sink, value: number) => sink[width](value),
  };
}

function bigintCodec(width: BigintWidth, type: string): Codec<bigint> {
  return {
    ...fixedSize(type, 8),
    initial: () => 0n,
    load: (source: Source) => source[width](),
    save: (sink: Sink, value: bigint) => sink[width](value),
  };
}

/** The plain integer codecs by their short names. */
export const INTEGERS = {
  u8: numberCodec("u8", "uint8", 1),
  i8: numberCodec("i8", "int8", 1),
  u16: numberCodec("u16", "uint16", 2),
  i16: numberCodec("i16", "int16", 2),
  u32: numberCodec("u32", "uint32", 4),
  i32: numberCodec("i32", "int32", 4),
  u64: bigintCodec("u64", "uint64"),
  i64: bigintCodec("i64", "int64"),
} as const;

/**
 * One byte, 0 to 255.
 *
 * @example
 * ```ts
 * import { saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { ier: u8() });
 * const sink = new Sink();
 * saveState(state, { ier: 255 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(255));
 * ```
 */
export const u8 = (o?: FieldOptions): Field<number> => field(INTEGERS.u8, o);
/**
 * One byte, -128 to 127.
 *
 * @example
 * ```ts
 * import { saveState, i8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { offset: i8() });
 * const sink = new Sink();
 * saveState(state, { offset: -1 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(255));
 * ```
 */
export const i8 = (o?: FieldOptions): Field<number> => field(INTEGERS.i8, o);
/**
 * be16, unsigned.
 *
 * @example
 * ```ts
 * import { saveState, u16, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { divisor: u16() });
 * const sink = new Sink();
 * saveState(state, { divisor: 0x1234 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0x12, 0x34));
 * ```
 */
export const u16 = (o?: FieldOptions): Field<number> => field(INTEGERS.u16, o);
/**
 * be16, two's complement.
 *
 * @example
 * ```ts
 * import { saveState, i16, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { level: i16() });
 * const sink = new Sink();
 * saveState(state, { level: -2 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0xff, 0xfe));
 * ```
 */
export const i16 = (o?: FieldOptions): Field<number> => field(INTEGERS.i16, o);
/**
 * be32, unsigned.
 *
 * @example
 * ```ts
 * import { saveState, u32, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { address: u32() });
 * const sink = new Sink();
 * saveState(state, { address: 0x1234_5678 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0x12, 0x34, 0x56, 0x78));
 * ```
 */
export const u32 = (o?: FieldOptions): Field<number> => field(INTEGERS.u32, o);
/**
 * be32, two's complement.
 *
 * @example
 * ```ts
 * import { saveState, i32, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { error: i32() });
 * const sink = new Sink();
 * saveState(state, { error: -2 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0xff, 0xff, 0xff, 0xfe));
 * ```
 */
export const i32 = (o?: FieldOptions): Field<number> => field(INTEGERS.i32, o);
/**
 * be64, unsigned.
 *
 * @example
 * ```ts
 * import { saveState, u64, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { cycles: u64() });
 * const sink = new Sink();
 * saveState(state, { cycles: 1n }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
 * ```
 */
export const u64 = (o?: FieldOptions): Field<bigint> => field(INTEGERS.u64, o);
/**
 * be64, two's complement.
 *
 * @example
 * ```ts
 * import { saveState, i64, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { nanoseconds: i64() });
 * const sink = new Sink();
 * saveState(state, { nanoseconds: 1n }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
 * ```
 */
export const i64 = (o?: FieldOptions): Field<bigint> => field(INTEGERS.i64, o);

/** One byte; QEMU writes only 0 or 1, so anything else is malformed. */
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

/**
 * One byte, 0 or 1.
 *
 * @example
 * ```ts
 * import { bool, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { ready: bool() });
 * const sink = new Sink();
 * saveState(state, { ready: true }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1));
 * ```
 */
export const bool = (o?: FieldOptions): Field<boolean> => field(boolCodec, o);

/**
 * An integer that must equal the local value, such as a number of queues; the
 * load fails on any other value.
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

/**
 * u8 that must equal the local value.
 *
 * @example
 * ```ts
 * import { loadState, u8Equal, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { queues: u8Equal(2) });
 * const source = new Source(Uint8Array.of(4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
export const u8Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u8, "uint8 equal", () => expected), o);
/**
 * be16 that must equal the local value.
 *
 * @example
 * ```ts
 * import { loadState, u16Equal, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { queues: u16Equal(2) });
 * const source = new Source(Uint8Array.of(0, 4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
export const u16Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u16, "uint16 equal", () => expected), o);
/**
 * be32 that must equal the local value.
 *
 * @example
 * ```ts
 * import { loadState, u32Equal, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { queues: u32Equal(2) });
 * const source = new Source(Uint8Array.of(0, 0, 0, 4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
export const u32Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.u32, "uint32 equal", () => expected), o);
/**
 * Signed be32 that must equal the local value.
 *
 * @example
 * ```ts
 * import { loadState, i32Equal, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { queues: i32Equal(2) });
 * const source = new Source(Uint8Array.of(0, 0, 0, 4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
export const i32Equal = (expected: number, o?: FieldOptions): Field<number> =>
  field(equal(INTEGERS.i32, "int32 equal", () => expected), o);
/**
 * be64 that must equal the local value; QEMU names its type "int64 equal".
 *
 * @example
 * ```ts
 * import { loadState, u64Equal, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { queues: u64Equal(2n) });
 * const source = new Source(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
export const u64Equal = (expected: bigint, o?: FieldOptions): Field<bigint> =>
  field(equal(INTEGERS.u64, "int64 equal", () => expected), o);

/**
 * Signed be32 in 0 … `limit`.
 *
 * @example
 * ```ts
 * import { i32Le, loadState, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { head: i32Le(3) });
 * const source = new Source(Uint8Array.of(0, 0, 0, 4));
 * assertThrows(() => loadState(state, source), VmstateError);
 * ```
 */
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
