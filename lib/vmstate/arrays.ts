import type { Source } from "../stream/mod.ts";
import {
  type Codec,
  type Field,
  field,
  type FieldOptions,
  type Siblings,
  type StateContext,
} from "./codec.ts";
import { type Count, countOf } from "./count.ts";
import { InvalidValue } from "./error.ts";
import { arrayEntries, describeValue, pointerEntries } from "./vmdesc.ts";
import type { FieldEntry } from "./vmdesc_entry.ts";

/**
 * No array of elements that may take no bytes at all is longer than this: the
 * stream's length cannot bound it. QEMU's longest is 1024 (virtqueues).
 */
const MAXIMUM_EMPTY_ELEMENTS = 65_536;

/** Marker bytes that stand for, or before, an element behind a pointer. */
export const POINTER_NULL = 0x30;
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

/** Makes `count` elements; an error is that of the element at hand. */
function elements<T>(
  count: number,
  context: StateContext,
  make: (index: number) => T,
): T[] {
  const made: T[] = [];
  for (let index = 0; index < count; index++) {
    context.path.push(index);
    made.push(make(index));
    context.path.pop();
  }
  return made;
}

/** Likewise for those that there are. */
function eachElement<T>(
  values: readonly T[],
  context: StateContext,
  work: (value: T, index: number) => void,
): void {
  for (const [index, value] of values.entries()) {
    context.path.push(index);
    work(value, index);
    context.path.pop();
  }
}

/** Loads `count` values of a codec, naming the element that fails. */
function loadElements<T>(
  codec: Codec<T>,
  count: number,
  source: Source,
  context: StateContext,
  siblings: Siblings,
): T[] {
  needElements(source, count, codec.minimumSize);
  return elements(count, context, () => codec.load(source, context, siblings));
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
    load: (source, context, siblings) =>
      loadElements(element, lengthIn(siblings), source, context, siblings),
    save(sink, values, context, siblings) {
      checkLength(values, lengthIn(siblings));
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

/** `count` elements back to back, without a count on the wire. */
export const array = <T>(
  element: Field<T>,
  count: number,
  options?: FieldOptions,
): Field<T[]> => field(arrayCodec(element.codec, count, 1), options);

/**
 * As many elements as the named earlier field says (times `multiply`), back to
 * back.
 */
export const varray = <T>(
  element: Field<T>,
  count: string,
  options: FieldOptions & { multiply?: number } = {},
): Field<T[]> =>
  field(arrayCodec(element.codec, count, options.multiply ?? 1), options);

/** How vmdesc lists a pointer's marker byte. */
const MARKER: FieldEntry = { type: "ptr-marker", size: 1 };

function checkLength(values: readonly unknown[], length: number): void {
  if (values.length === length) return;
  throw new InvalidValue(
    `${values.length} elements given, it takes ${length}`,
  );
}

/**
 * An array of pointers. A null element is the single byte 0x30; an element
 * that is there has no marker, so the loader must know which ones are: `has`
 * tells by index, as the machine was built. That byte is not told apart from
 * an element that happens to begin with 0x30.
 */
export function pointerArray<T>(
  element: Field<T>,
  count: number,
  has: (index: number) => boolean,
  options?: FieldOptions,
): Field<(T | null)[]> {
  const { codec } = element;
  return field({
    type: codec.type,
    minimumSize: count * Math.min(1, codec.minimumSize),
    initial: () =>
      Array.from({ length: count }, (_, i) => has(i) ? codec.initial() : null),
    load(source, context, siblings) {
      return elements(
        count,
        context,
        (index) =>
          has(index) ? codec.load(source, context, siblings) : loadNull(source),
      );
    },
    save(sink, values, context, siblings) {
      checkLength(values, count);
      eachElement(values, context, (value, index) => {
        if ((value !== null) !== has(index)) {
          throw new InvalidValue(
            has(index) ? "it is null, but is here" : "it is not here",
          );
        }
        if (value === null) sink.u8(POINTER_NULL);
        else codec.save(sink, value, context, siblings);
      });
    },
    describe: (values, context, siblings) =>
      pointerEntries(
        values.map((value) =>
          value === null ? null : describeValue(codec, value, context, siblings)
        ),
        MARKER,
      ),
  }, options);
}

function loadNull(source: Source): null {
  const marker = source.u8();
  if (marker !== POINTER_NULL) throw badMarker(marker);
  return null;
}

function badMarker(marker: number): InvalidValue {
  return new InvalidValue(
    `pointer marker 0x${marker.toString(16)} is neither 0x30 nor 0x31`,
  );
}

/**
 * An array of pointers whose elements the loader allocates: every element has
 * a marker byte, 0x30 for null or 0x31 before a value.
 */
export function allocatedPointerArray<T>(
  element: Field<T>,
  count: number,
  options?: FieldOptions,
): Field<(T | null)[]> {
  const { codec } = element;
  return field({
    type: codec.type,
    minimumSize: count,
    initial: () => Array.from({ length: count }, () => null),
    load(source, context, siblings) {
      return elements(count, context, () => {
        const marker = source.u8();
        if (marker === POINTER_NULL) return null;
        if (marker !== POINTER_PRESENT) throw badMarker(marker);
        return codec.load(source, context, siblings);
      });
    },
    save(sink, values, context, siblings) {
      checkLength(values, count);
      eachElement(values, context, (value) => {
        sink.u8(value === null ? POINTER_NULL : POINTER_PRESENT);
        if (value !== null) codec.save(sink, value, context, siblings);
      });
    },
    describe: (values, context, siblings) =>
      values.flatMap((value) =>
        value === null
          ? [MARKER]
          : [MARKER, ...describeValue(codec, value, context, siblings)]
      ),
  }, options);
}
