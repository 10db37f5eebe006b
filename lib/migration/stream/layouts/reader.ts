/**
 * Reads a state that a device writes by hand, field after field. Every byte
 * becomes part of a field, so that encoding the fields gives the same bytes.
 *
 * @module
 */

import { type Source, StreamError } from "../../../stream/mod.ts";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  STRUCT_VALUES,
} from "../decoded.ts";
import { fieldType, type WireType, zeroRun } from "../wire_types.ts";

/** Bytes do not have the layout that was expected. */
export class LayoutError extends StreamError {
  constructor(
    /** What does not fit, without the offset. */
    readonly problem: string,
    offset: number,
  ) {
    super(`Cannot decode a layout at offset ${offset}: ${problem}`, offset, {
      code: "bad-layout",
    });
  }
}

/** The type of bytes that should be more than bytes. */
export const UNDECODED = "not decoded";

/** A type of fields that have a size. */
interface SizedType {
  readonly type: string;
  readonly size: number;
  readonly wire: WireType;
}

/** A field of a list. */
interface Field extends SizedType {
  readonly name: string;
}

/** Types that were read before: there are few of them. */
const types = new Map<string, SizedType>();

/** Lists that were read before: those of queues are needed again and again. */
const lists = new Map<string, readonly Field[]>();

/** The fields of a list, as {@linkcode LayoutReader.takeAll} has it. */
function fieldsOf(list: string): readonly Field[] {
  const known = lists.get(list);
  if (known !== undefined) return known;
  const fields: Field[] = [];
  let type = "";
  for (const entry of list.trim().split(/,\s*/).reverse()) {
    const [name = "", ...own] = entry.split(" ");
    if (own.length > 0) type = own.join(" ");
    if (name !== "") fields.push({ name, ...sized(type) });
  }
  lists.set(list, fields.reverse());
  return fields;
}

/** @throws {TypeError} when it has no size */
function sized(type: string): SizedType {
  let known = types.get(type);
  if (known === undefined) types.set(type, known = sizedOf(type));
  return known;
}

function sizedOf(text: string): SizedType {
  const [, bytes, meaning = ""] = /^(\d+) bytes(:.*)?$/.exec(text) ?? [];
  const type = bytes === undefined ? text : `buffer${meaning}`;
  const wire = fieldType(type);
  const size = bytes === undefined ? wire.size : Number(bytes);
  if (size === undefined) throw new TypeError(`Type "${text}" has no size`);
  return { type, size, wire };
}

/** Bytes of the fields of a list. */
export function sizeOf(list: string): number {
  return fieldsOf(list).reduce((sum, { size }) => sum + size, 0);
}

const WORD = 4;

/** The end of the bytes that are not 0; at least `from`. */
export function usedEnd(view: DataView, from = 0): number {
  let end = view.byteLength;
  while (end - WORD >= from && view.getInt32(end - WORD) === 0) end -= WORD;
  while (end > from && view.getUint8(end - 1) === 0) end--;
  return end;
}

/** Collects the fields of one struct. */
export class LayoutReader {
  readonly fields: DecodedField[] = [];
  readonly subsections: DecodedStruct[] = [];

  /**
   * @param source ends where the state ends
   * @param spend counts values, and throws when there are too many
   */
  constructor(
    readonly source: Source,
    readonly spend: (count: number) => void,
  ) {}

  /**
   * A field of a type with a size, such as `le16`, `uint32:hex`.
   *
   * @throws {StreamError} when the state ends before
   */
  take(name: string, type: string): DecodedValue {
    return this.#load({ name, ...sized(type) });
  }

  /** Likewise, for a number up to 32 bits. */
  number(name: string, type: string): number {
    const value = this.take(name, type);
    if (typeof value !== "number") throw new TypeError(`"${type}" given`);
    return value;
  }

  /**
   * The fields of a list such as `cols, rows le16, mac 6 bytes:mac`. As in Go, a
   * name without a type has that of the next one.
   */
  takeAll(list: string): void {
    for (const field of fieldsOf(list)) this.#load(field);
  }

  /**
   * Those of the fields that fit into `size` bytes, and the rest as bytes:
   * structs that grew over the years.
   */
  takeWithin(list: string, size: number): void {
    const end = this.source.offset + size;
    this.source.need(size);
    for (const field of fieldsOf(list)) {
      if (field.size > end - this.source.offset) break;
      this.#load(field);
    }
    this.bytes("rest", end - this.source.offset);
  }

  /** `size` bytes; none are no field. */
  bytes(name: string, size: number, type = "buffer", reason?: string): void {
    if (size === 0) return;
    this.#add(name, type, size, this.source.bytes(size), { reason });
  }

  /** An array of numbers. */
  numbers(name: string, type: string, count: number): void {
    const wire = fieldType(type);
    const { size = 1 } = wire;
    this.source.need(count * size);
    const values: DecodedValue[] = [];
    for (let index = 0; index < count; index++) {
      values.push(wire.load(this.source, size));
    }
    this.spend(count);
    this.#add(name, type, count * size, values, { isArray: true });
  }

  /** A struct inside this one. */
  struct(
    name: string,
    read: (inner: LayoutReader) => void,
    vmsd = name,
  ): DecodedStruct {
    const start = this.source.offset;
    const value = this.#inner(read, vmsd);
    this.#add(name, "struct", this.source.offset - start, value);
    return value;
  }

  /** A list of structs. */
  structs(
    name: string,
    count: number,
    read: (inner: LayoutReader) => void,
  ): void {
    let left = count;
    this.list(name, () => left-- > 0, read);
  }

  /** Likewise, as long as there is another one. */
  list(
    name: string,
    hasNext: () => boolean,
    read: (inner: LayoutReader) => void,
  ): void {
    const start = this.source.offset;
    const values: DecodedStruct[] = [];
    while (hasNext()) values.push(this.#inner(read, name));
    const size = this.source.offset - start;
    this.#add(name, "struct", size, values, { isArray: true });
  }

  /**
   * A table of elements of equal size, of which most have never been used. The
   * zeros at its end become one number: how many elements they are.
   */
  table(
    name: string,
    count: number,
    elementSize: number,
    read: (inner: LayoutReader) => void,
  ): void {
    const { source } = this;
    source.need(count * elementSize);
    const used = usedEnd(source.peekView(count * elementSize));
    const elements = Math.ceil(used / elementSize);
    if (elements > 0) this.structs(name, elements, read);
    if (elements < count) {
      this.zeros(`${name}_unused`, count - elements, elementSize);
    }
  }

  /** Elements that were seen to have only zeros. */
  zeros(name: string, count: number, elementSize = 1): void {
    const size = count * elementSize;
    this.source.skip(size);
    this.#add(name, zeroRun(elementSize), size, count);
  }

  /** A subsection, whose header was read. */
  subsection(
    vmsd: string,
    version: number,
    read: (inner: LayoutReader) => void,
  ): void {
    this.subsections.push({ ...this.#inner(read, vmsd), version });
  }

  /** Makes a field of all subsections, so that fields can come after them. */
  gatherSubsections(name: string, start: number): void {
    const subsections = this.subsections.splice(0);
    if (subsections.length === 0) return;
    const size = this.source.offset - start;
    const value = { vmsd: name, version: 0, fields: [], subsections };
    this.#add(name, "struct", size, value);
  }

  /** What was read, as a struct. */
  result(vmsd: string): DecodedStruct {
    const { fields, subsections } = this;
    return { vmsd, version: 0, fields, subsections };
  }

  /**
   * Adds a struct if the bytes have its form, else nothing.
   *
   * @param isWhole whether reading may end where it ended
   */
  tryStruct(
    name: string,
    read: (inner: LayoutReader) => void,
    isWhole: () => boolean,
  ): boolean {
    const { offset } = this.source;
    const count = this.fields.length;
    try {
      this.struct(name, read);
      if (isWhole()) return true;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
    }
    this.source.seek(offset);
    this.fields.length = count;
    return false;
  }

  /** @throws {LayoutError} always */
  refuse(problem: string): never {
    throw new LayoutError(problem, this.source.offset);
  }

  #load({ name, type, size, wire }: Field): DecodedValue {
    const value = wire.load(this.source, size);
    return this.#add(name, type, size, value);
  }

  #inner(read: (inner: LayoutReader) => void, vmsd: string): DecodedStruct {
    this.spend(STRUCT_VALUES);
    const inner = new LayoutReader(this.source, this.spend);
    read(inner);
    return inner.result(vmsd);
  }

  #add(
    name: string,
    type: string,
    size: number,
    value: DecodedValue,
    { isArray = false, reason }: {
      isArray?: boolean;
      reason?: string | undefined;
    } = {},
  ): DecodedValue {
    this.spend(1);
    const offset = this.source.offset - size;
    const hasMarkers = false;
    const field = { name, type, isArray, hasMarkers, offset, size, value };
    this.fields.push(reason === undefined ? field : { ...field, reason });
    return value;
  }
}
