import type { Source } from "../stream/mod.ts";
import {
  checkLength,
  type Codec,
  type Count,
  countOf,
  eachElement,
  elements,
  type Field,
  field,
  type FieldEntry,
  type FieldOptions,
  type Siblings,
} from "./codec.ts";
import { InvalidValue } from "./error.ts";
import { arrayEntries, describeValue, pointerEntries } from "./vmdesc.ts";

/**
 * Bounds an array whose elements may take no bytes: the stream's length does
 * not. QEMU's longest is 1024 (virtqueues).
 */
const MAXIMUM_EMPTY_ELEMENTS = 65_536;

/** Marker byte of a pointer, in place of a null. */
export const POINTER_NULL = 0x30;
/** Marker byte of a pointer, before its element. */
export const POINTER_PRESENT = 0x31;

function needElements(
  source: Source,
  count: number,
  minimumSize: number,
): void {
  if (minimumSize > 0) source.need(count * minimumSize);
  else if (count > MAXIMUM_EMPTY_ELEMENTS) {
    throw new InvalidValue(`${count} elements without a size are too many`);
  }
}

function arrayCodec<T>(
  element: Codec<T>,
  count: Count,
  multiply: number,
): Codec<T[]> {
  const lengthIn = (siblings: Siblings) => countOf(count, siblings) * multiply;
  const fixed = typeof count === "number" ? count * multiply : 0;
  return {
    type: element.type,
    minimumSize: fixed * element.minimumSize,
    initial: () => Array.from({ length: fixed }, () => element.initial()),
    load(source, context, siblings) {
      const length = lengthIn(siblings);
      needElements(source, length, element.minimumSize);
      return elements(
        length,
        context,
        () => element.load(source, context, siblings),
      );
    },
    save(sink, values, context, siblings) {
      checkLength(values.length, lengthIn(siblings), "elements");
      eachElement(values, context, (value) => {
        element.save(sink, value, context, siblings);
      });
    },
    describe: (values, context, siblings) =>
      arrayEntries(
        values.map((value) => describeValue(element, value, context, siblings)),
      ),
  };
}

/**
 * `count` elements, without a count on the wire.
 *
 * @example
 * ```ts
 * import { array, saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, { mac: array(u8(), 6) });
 * const sink = new Sink();
 * saveState(state, { mac: [2, 0, 0, 0, 0, 1] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(2, 0, 0, 0, 0, 1));
 * ```
 */
export const array = <T>(
  element: Field<T>,
  count: number,
  options?: FieldOptions,
): Field<T[]> => field(arrayCodec(element.codec, count, 1), options);

/**
 * As many elements as an earlier field says, times `multiply`.
 *
 * @param count the name of the earlier field
 *
 * @example
 * ```ts
 * import { saveState, u16, u8, varray, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   count: u8(),
 *   samples: varray(u16(), "count"),
 * });
 * const sink = new Sink();
 * saveState(state, { count: 2, samples: [1, 2] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(2, 0, 1, 0, 2));
 * ```
 */
export const varray = <T>(
  element: Field<T>,
  count: string,
  options: FieldOptions & { multiply?: number } = {},
): Field<T[]> =>
  field(arrayCodec(element.codec, count, options.multiply ?? 1), options);

/** The vmdesc entry of a pointer's marker byte. */
const MARKER: FieldEntry = { type: "ptr-marker", size: 1 };

/**
 * An array of pointers. A null element is the byte 0x30; other elements have no
 * marker, so the loader must know which of them are null. The byte is ambiguous
 * with an element that begins with 0x30.
 *
 * @param has whether the local machine has the element of that index
 *
 * @example
 * ```ts
 * import { pointerArray, saveState, u16, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   ports: pointerArray(u16(), 2, (index) => index === 1),
 * });
 * const sink = new Sink();
 * saveState(state, { ports: [null, 7] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0x30, 0, 7));
 * ```
 */
export const pointerArray = <T>(
  element: Field<T>,
  count: number,
  has: (index: number) => boolean,
  options?: FieldOptions,
): Field<(T | null)[]> => field(pointersCodec(element, count, has), options);

/** @param has without it, every element has a marker */
function pointersCodec<T>(
  { codec }: Field<T>,
  count: number,
  has?: (index: number) => boolean,
): Codec<(T | null)[]> {
  const isHere = (source: Source, index: number) =>
    has?.(index) === true || isPresent(source.u8(), has === undefined);
  return {
    type: codec.type,
    minimumSize: count *
      (has === undefined ? 1 : Math.min(1, codec.minimumSize)),
    initial: () =>
      Array.from(
        { length: count },
        (_, i) => has?.(i) ? codec.initial() : null,
      ),
    load: (source, context, siblings) =>
      elements(
        count,
        context,
        (index) =>
          isHere(source, index) ? codec.load(source, context, siblings) : null,
      ),
    save(sink, values, context, siblings) {
      checkLength(values.length, count, "elements");
      eachElement(values, context, (value, index) => {
        if (has !== undefined && (value !== null) !== has(index)) {
          throw new InvalidValue(
            has(index) ? "it is null, but is here" : "it is not here",
          );
        }
        if (value === null) return sink.u8(POINTER_NULL);
        if (has === undefined) sink.u8(POINTER_PRESENT);
        codec.save(sink, value, context, siblings);
      });
    },
    describe(values, context, siblings) {
      const described = values.map((value) =>
        value === null ? null : describeValue(codec, value, context, siblings)
      );
      return has === undefined
        ? described.flatMap((entries) => [MARKER, ...entries ?? []])
        : pointerEntries(described, MARKER);
    },
  };
}

function isPresent(marker: number, mayBe: boolean): boolean {
  if (marker === POINTER_NULL) return false;
  if (mayBe && marker === POINTER_PRESENT) return true;
  throw new InvalidValue(
    `pointer marker 0x${marker.toString(16)} is neither 0x30 nor 0x31`,
  );
}

/**
 * An array of pointers whose elements the loader allocates: every element has
 * a marker byte, 0x30 for null or 0x31 before a value.
 *
 * @example
 * ```ts
 * import { allocatedPointerArray, saveState, u16, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   ports: allocatedPointerArray(u16(), 2),
 * });
 * const sink = new Sink();
 * saveState(state, { ports: [null, 7] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0x30, 0x31, 0, 7));
 * ```
 */
export const allocatedPointerArray = <T>(
  element: Field<T>,
  count: number,
  options?: FieldOptions,
): Field<(T | null)[]> => field(pointersCodec(element, count), options);
