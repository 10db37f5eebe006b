import type { Source } from "../stream/mod.ts";
import {
  type Codec,
  type Field,
  field,
  type FieldOptions,
  fixedSize,
} from "./codec.ts";
import { type Count, countOf } from "./count.ts";
import { InvalidValue } from "./error.ts";

/** `size` raw bytes under any vmdesc type name; the value is a copy. */
function rawCodec(size: number, type: string): Codec<Uint8Array> {
  return {
    ...fixedSize(type, size),
    initial: () => new Uint8Array(size),
    load: (source) => source.bytes(size).slice(),
    save(sink, value) {
      if (value.length !== size) {
        throw new InvalidValue(`${value.length} bytes given, it takes ${size}`);
      }
      sink.bytes(value);
    },
  };
}

/** A buffer of fixed size. */
export const buffer = (size: number, o?: FieldOptions): Field<Uint8Array> =>
  field(rawCodec(size, "buffer"), o);

/** PCI configuration space, 256 bytes or 4096 for PCI Express. */
export const pciConfig = (
  size: 256 | 4096,
  o?: FieldOptions,
): Field<Uint8Array> => field(rawCodec(size, "pci config"), o);

/** The MSI-X table (16 bytes a vector) and its pending bits. */
export const msixState = (
  vectors: number,
  o?: FieldOptions,
): Field<Uint8Array> =>
  field(rawCodec(vectors * 16 + Math.ceil(vectors / 8), "msix state"), o);

/** A buffer whose size is `count` (times `multiply`) bytes. */
export function vbuffer(
  count: Count,
  options: FieldOptions & { multiply?: number } = {},
): Field<Uint8Array> {
  const sizeIn = (siblings: Readonly<Record<string, unknown>>) =>
    countOf(count, siblings) * (options.multiply ?? 1);
  const fixed = typeof count === "number" ? sizeIn({}) : 0;
  return field({
    type: "buffer",
    minimumSize: fixed,
    initial: () => new Uint8Array(fixed),
    load: (source: Source, _context, siblings) =>
      source.bytes(sizeIn(siblings)).slice(),
    save(sink, value, _context, siblings) {
      const size = sizeIn(siblings);
      if (value.length !== size) {
        throw new InvalidValue(`${value.length} bytes given, it takes ${size}`);
      }
      sink.bytes(value);
    },
  }, options);
}

/**
 * Space that an older version used. Saved as zeros; whatever it holds on load
 * is passed over, as older senders left their old values there.
 */
export const unused = (size: number, o?: FieldOptions): Field<void> =>
  field({
    ...fixedSize("unused_buffer", size),
    initial: () => undefined,
    load: (source) => source.skip(size),
    save: (sink) => sink.zeros(size),
  }, o);

/**
 * A bitmap of `bits` bits: ceil(bits / 64) be64 words, word 0 first, bit 0 the
 * least significant bit of word 0. The value is the words.
 */
export function bitmap(bits: Count, options?: FieldOptions): Field<bigint[]> {
  const wordsIn = (siblings: Readonly<Record<string, unknown>>) =>
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
      if (value.length !== wordsIn(siblings)) {
        throw new InvalidValue(
          `${value.length} words given, it takes ${wordsIn(siblings)}`,
        );
      }
      for (const word of value) sink.u64(word);
    },
  }, options);
}
