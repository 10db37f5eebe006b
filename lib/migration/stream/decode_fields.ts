/**
 * Decodes a device's payload by vmdesc.
 *
 * vmdesc describes arrays in several ways, all of which become one field with
 * an array here:
 *
 * ```
 * x array_len 3                 three equal elements
 * x index 0, x index 1, …       elements that may differ
 * x ptr-marker array_len 2, x   pointers: null, null, and one that is not null
 * x ptr-marker, x, x ptr-marker the same, with a marker before each
 * x struct {} array_len 2       pointers that are null, before QEMU 10
 * ```
 *
 * @module
 */

import type { Source } from "../../stream/mod.ts";
import { POINTER_NULL, POINTER_PRESENT } from "../../vmstate/mod.ts";
import { RecordType } from "./framing.ts";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  STRUCT_VALUES,
} from "./decoded.ts";
import { hex, MigrationStreamError } from "./error.ts";
import { hasLayout, type LayoutDecoder } from "./layouts/layouts.ts";
import {
  bodySize,
  type FieldDescription,
  type VmsdDescription,
} from "./vmdesc.ts";
import { wireType } from "./wire_types.ts";

/** vmdesc type names of a pointer's marker byte, in QEMU 11 and 10. */
const MARKER_TYPES: ReadonlySet<string> = new Set(["ptr-marker", "nullptr"]);
/** Only one element is described. */
const LIST_TYPES: ReadonlySet<string> = new Set(["qtailq", "qlist", "gtree"]);

/** Numbers in an array that count as one value, since they take less memory. */
const PACKED = 2;

/** Bytes of a word, as a bitmap has them; larger numbers are not packed. */
const WORD = 8;
/** Values that a field counts as beside its own: it and its description. */
const FIELD_VALUES = 6;
/** Values that a state written by hand counts as, though it may stay bytes. */
const LAID_OUT_VALUES = 4;

/** How the states that devices write by hand are decoded. */
export interface HandWritten {
  readonly layouts: LayoutDecoder;
  /** Whether guests of the machine are big-endian from their start. */
  readonly isBigEndian: () => boolean;
}

/** Decodes one payload, and knows the current path for messages. */
export class FieldDecoder {
  /** Names and indices of the current fields. */
  readonly #path: (string | number)[] = [];
  /** The name of the current description. */
  #vmsd = "";
  /** Why the value that was read last could not be decoded. */
  #reason: string | undefined;

  /**
   * @param budget the most values that are allowed; elements of size 0 could
   * otherwise multiply without limit
   */
  constructor(
    private readonly source: Source,
    /** Values left before the description is rejected. */
    private budget: number,
    /** Without it, states that devices write by hand are bytes. */
    private readonly handWritten?: HandWritten,
  ) {}

  /** Clears the path, after a problem. */
  reset(): void {
    this.#path.length = 0;
  }

  /** The current field, such as `sq[3].head`. */
  get path(): string {
    return this.#path.join(".").replaceAll(/\.(?=\[)/g, "");
  }

  /**
   * Decodes fields, then subsections.
   *
   * @throws {MigrationStreamError} when the bytes do not match the description
   */
  body(vmsd: VmsdDescription): DecodedStruct {
    this.#spend(STRUCT_VALUES);
    const fields: DecodedField[] = [];
    for (let next = 0; next < vmsd.fields.length;) {
      const end = endOfField(vmsd.fields, next);
      this.#vmsd = vmsd.name;
      fields.push(this.#field(vmsd.fields, next, end));
      next = end;
    }
    return {
      vmsd: vmsd.name,
      version: vmsd.version,
      fields,
      subsections: vmsd.subsections.map((sub) => this.#subsection(sub)),
    };
  }

  #subsection(vmsd: VmsdDescription): DecodedStruct {
    this.#path.push(vmsd.name);
    const source = this.source;
    const type = source.u8();
    if (type !== RecordType.SUBSECTION) {
      throw this.#problem(`${hex(type)} in place of the subsection`);
    }
    const name = source.countedString();
    const version = source.u32();
    if (name !== vmsd.name || version !== vmsd.version) {
      throw this.#problem(
        `subsection "${name}" version ${version} in place of ` +
          `version ${vmsd.version}`,
      );
    }
    const struct = this.body(vmsd);
    this.#path.pop();
    return struct;
  }

  /** @param end of the entries of this field */
  #field(
    entries: readonly FieldDescription[],
    start: number,
    end: number,
  ): DecodedField {
    const first = entries[start];
    if (first === undefined) throw new TypeError("A field has no entries");
    this.#path.push(first.name);
    this.#spend(FIELD_VALUES);
    const { offset } = this.source;
    const elements = end === start + 1 && isOneValue(first)
      ? undefined
      : this.#array(entries.slice(start, end));
    const value = elements?.values ?? this.#value(first);
    this.#path.pop();
    const reason = this.#reason;
    this.#reason = undefined;
    return {
      ...reason === undefined ? {} : { reason },
      name: first.name,
      type: elements?.type ?? first.type,
      isArray: elements !== undefined,
      hasMarkers: elements?.hasMarkers ?? false,
      offset,
      size: this.source.offset - offset,
      value,
    };
  }

  #array(entries: readonly FieldDescription[]): Elements {
    const elements = new Elements();
    for (const entry of entries) {
      const count = entry.arrayLength ?? 1;
      if (isMarker(entry)) this.#markers(entry, count, elements);
      else this.#elements(entry, count, elements);
    }
    if (elements.isMarkerOpen) throw this.#problem("it ends after a marker");
    return elements;
  }

  #markers(entry: FieldDescription, count: number, elements: Elements): void {
    if (entry.size !== 1) throw this.#problem("a marker is one byte");
    for (let index = 0; index < count; index++) {
      const marker = this.source.u8();
      if (elements.isMarkerOpen) throw this.#problem("two markers in a row");
      if (marker === POINTER_PRESENT) elements.isMarkerOpen = true;
      else if (marker === POINTER_NULL) {
        this.#spend(1);
        elements.values.push(null);
      } else throw this.#problem(`pointer marker ${hex(marker)}`);
    }
  }

  #elements(
    entry: FieldDescription,
    count: number,
    elements: Elements,
  ): void {
    if (elements.type !== undefined && elements.type !== entry.type) {
      throw this.#problem(
        `elements of type "${elements.type}" and "${entry.type}"`,
      );
    }
    if (elements.isMarkerOpen && count !== 1) {
      throw this.#problem("one marker for many elements");
    }
    const isFirst = elements.type === undefined;
    if (!isFirst && elements.isMarkerOpen !== elements.hasMarkers) {
      throw this.#problem("only some elements have a marker");
    }
    elements.hasMarkers = elements.isMarkerOpen;
    elements.type = entry.type;
    elements.isMarkerOpen = false;
    const loadMany = manyOf(entry);
    if (loadMany !== undefined) {
      this.#spend(entry.size < WORD ? count / PACKED : count);
      elements.add(loadMany(this.source, count));
    } else {
      this.#spend(count);
      for (let index = 0; index < count; index++) {
        this.#path.push(`[${elements.values.length}]`);
        elements.values.push(this.#unchecked(entry, index > 0));
        this.#path.pop();
      }
    }
  }

  #value(entry: FieldDescription): DecodedValue {
    this.#spend(1);
    return this.#unchecked(entry, false);
  }

  /** @param isRepeated true for an element whose size is not in vmdesc */
  #unchecked(entry: FieldDescription, isRepeated: boolean): DecodedValue {
    const offset = this.source.offset;
    const value = this.#load(entry);
    const size = this.source.offset - offset;
    if (size !== entry.size && !isRepeated) {
      throw this.#problem(
        `it takes ${size} bytes and vmdesc says ${entry.size}`,
        offset,
      );
    }
    return value;
  }

  #load(entry: FieldDescription): DecodedValue {
    const { type, size, struct, inline } = entry;
    if (struct !== undefined) return this.body(struct);
    const isBody = inline !== undefined && !LIST_TYPES.has(type) &&
      bodySize(inline) === size;
    if (isBody) return this.body(inline);
    if (this.handWritten !== undefined && hasLayout(type)) {
      return this.#laidOut(this.handWritten, type, size);
    }
    // Its words are the elements of an array.
    if (type === "bitmap") this.#spend(size / WORD);
    return wireType(type).load(this.source, size);
  }

  #laidOut(
    { layouts, isBigEndian }: HandWritten,
    type: string,
    size: number,
  ): DecodedValue {
    this.#spend(LAID_OUT_VALUES);
    const { offset } = this.source;
    const bytes = this.source.bytes(size);
    const context = { vmsd: this.#vmsd, isBigEndian: isBigEndian() };
    const { value, reason } = layouts.decode(type, bytes, offset, context);
    this.#reason = reason;
    return value;
  }

  #spend(count: number): void {
    this.budget -= count;
    if (this.budget < 0) {
      throw this.#problem("vmdesc says more values than the stream can hold");
    }
  }

  #problem(
    problem: string,
    offset: number = this.source.offset,
  ): MigrationStreamError {
    return new MigrationStreamError(problem, { offset, field: this.path });
  }
}

/** Collects the elements of an array. */
class Elements {
  values: DecodedValue[] = [];
  type: string | undefined;
  hasMarkers = false;
  /** True right after a marker that announces an element. */
  isMarkerOpen = false;

  /** Uses the list itself if there was none: most arrays have one run. */
  add(values: DecodedValue[]): void {
    if (this.values.length === 0) this.values = values;
    else for (const value of values) this.values.push(value);
  }
}

/** vmdesc gives each field of a description its own name, "x[1]" if need be. */
function endOfField(
  entries: readonly FieldDescription[],
  start: number,
): number {
  const name = entries[start]?.name;
  let end = start + 1;
  while (end < entries.length && entries[end]?.name === name) end++;
  return end;
}

function isOneValue(entry: FieldDescription): boolean {
  return entry.arrayLength === undefined && entry.index === undefined &&
    !isMarker(entry);
}

/** Whether a field has the marker bytes of pointers, not their targets. */
function isMarker({ type, isNull }: FieldDescription): boolean {
  return isNull || MARKER_TYPES.has(type);
}

/** Loads a run of elements at once, if its type can. */
function manyOf({ type, size, struct }: FieldDescription) {
  const wire = wireType(type);
  return struct === undefined && wire.size === size ? wire.loadMany : undefined;
}
