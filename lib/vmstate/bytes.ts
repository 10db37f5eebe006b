import {
  checkLength,
  type Codec,
  type Count,
  countOf,
  type Field,
  field,
  type FieldOptions,
  fixedSize,
  type Siblings,
} from "./codec.ts";

/**
 * `count` raw bytes, times `multiply`, under any vmdesc type name; the value is
 * a copy.
 */
function rawCodec(
  type: string,
  count: Count,
  multiply = 1,
): Codec<Uint8Array> {
  const sizeIn = (siblings: Siblings) => countOf(count, siblings) * multiply;
  const fixed = typeof count === "number" ? sizeIn({}) : undefined;
  return {
    ...fixed === undefined ? { type, minimumSize: 0 } : fixedSize(type, fixed),
    initial: () => new Uint8Array(fixed ?? 0),
    load: (source, _, siblings) => source.bytes(sizeIn(siblings)).slice(),
    save(sink, value, _, siblings) {
      checkLength(value.length, sizeIn(siblings), "bytes");
      sink.bytes(value);
    },
  };
}

/**
 * A buffer of fixed size.
 *
 * @example
 * ```ts
 * import { buffer, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { key: buffer(2) });
 * const sink = new Sink();
 * saveState(state, { key: Uint8Array.of(1, 2) }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1, 2));
 * ```
 */
export const buffer = (size: number, o?: FieldOptions): Field<Uint8Array> =>
  field(rawCodec("buffer", size), o);

/**
 * PCI configuration space: 256 bytes, or 4096 for PCI Express.
 *
 * @example
 * ```ts
 * import { pciConfig, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("PCIDevice", { version: 1 }, {
 *   config: pciConfig(256),
 * });
 * const sink = new Sink();
 * saveState(state, { config: new Uint8Array(256) }, sink);
 * assertEquals(sink.toBytes(), new Uint8Array(256));
 * ```
 */
export const pciConfig = (
  size: 256 | 4096,
  o?: FieldOptions,
): Field<Uint8Array> => field(rawCodec("pci config", size), o);

/**
 * The MSI-X table, 16 bytes per vector, and its pending bits.
 *
 * @example
 * ```ts
 * import { msixState, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("msix", { version: 1 }, { vectors: msixState(2) });
 * const sink = new Sink();
 * saveState(state, { vectors: new Uint8Array(33) }, sink);
 * assertEquals(sink.offset, 2 * 16 + 1);
 * ```
 */
export const msixState = (
  vectors: number,
  o?: FieldOptions,
): Field<Uint8Array> =>
  field(rawCodec("msix state", vectors * 16 + Math.ceil(vectors / 8)), o);

/**
 * A buffer of `count` bytes, times `multiply`.
 *
 * @example
 * ```ts
 * import { saveState, u8, vbuffer, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   words: u8(),
 *   data: vbuffer("words", { multiply: 2 }),
 * });
 * const sink = new Sink();
 * saveState(state, { words: 1, data: Uint8Array.of(5, 6) }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1, 5, 6));
 * ```
 */
export const vbuffer = (
  count: Count,
  options: FieldOptions & { multiply?: number } = {},
): Field<Uint8Array> =>
  field(rawCodec("buffer", count, options.multiply), options);

/**
 * Space that an older version used. Saved as zeros; skipped on load, since
 * older senders put values there.
 *
 * @example
 * ```ts
 * import { saveState, u8, unused, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 2, minimumVersion: 1 }, {
 *   was: unused(2),
 *   ier: u8(),
 * });
 * const sink = new Sink();
 * saveState(state, { ier: 1 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 1));
 * ```
 */
export const unused = (size: number, o?: FieldOptions): Field<void> =>
  field({
    ...fixedSize("unused_buffer", size),
    initial: () => undefined,
    load: (source) => source.skip(size),
    save: (sink) => sink.zeros(size),
  }, o);

/**
 * A bitmap of `bits` bits: ceil(bits / 64) be64 words, word 0 first; bit 0 is
 * the least significant bit of word 0. The value is the words.
 *
 * @example
 * ```ts
 * import { bitmap, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { dirty: bitmap(10) });
 * const sink = new Sink();
 * saveState(state, { dirty: [0b11n] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3));
 * ```
 */
export function bitmap(bits: Count, options?: FieldOptions): Field<bigint[]> {
  const wordsIn = (siblings: Siblings) =>
    Math.ceil(countOf(bits, siblings) / 64);
  const fixedWords = typeof bits === "number" ? Math.ceil(bits / 64) : 0;
  return field({
    type: "bitmap",
    minimumSize: fixedWords * 8,
    initial: () => new Array<bigint>(fixedWords).fill(0n),
    load(source, _context, siblings) {
      const words = wordsIn(siblings);
      source.need(words * 8);
      return Array.from({ length: words }, () => source.u64());
    },
    save(sink, value, _context, siblings) {
      checkLength(value.length, wordsIn(siblings), "words");
      for (const word of value) sink.u64(word);
    },
  }, options);
}
