/**
 * A VMState description is data: its fields in wire order, its subsections,
 * and its hooks. The TypeScript type of its value is derived from it.
 *
 * ```
 * body       = field…  subsection…            without an end marker
 * subsection = 05, u8 length, name, be32 version, body
 * ```
 *
 * @module
 */

import type { Codec, Field } from "./codec.ts";

/** Fields by name, in wire order. */
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** Subsections by the name of the property that holds their value. */
export type Subsections = Readonly<Record<string, VmState<object>>>;

/** The type of a field's value. */
export type FieldValue<F> = F extends { readonly codec: Codec<infer T> } ? T
  : never;

/** The struct that fields describe; fields without a value are left out. */
export type FieldValues<F extends Fields> = {
  -readonly [
    K in keyof F as [FieldValue<F[K]>] extends [void] ? never : K
  ]: FieldValue<F[K]>;
};

/** The values of subsections, of those that were sent. */
export type SubsectionValues<S extends Subsections> = {
  [K in keyof S]?: Value<S[K]> | undefined;
};

/** The type of a description's value. */
export type Value<D> = D extends VmState<infer V> ? V : never;

/** The version that a description saves, and the oldest that it loads. */
export interface Versions {
  /** The version that is saved. */
  readonly version: number;
  /** Default: the version itself. */
  readonly minimumVersion?: number;
}

/** Hooks around save and load; a hook that throws fails them. */
export interface Hooks<V> {
  /** Updates the value before it is saved. */
  preSave?(value: V): void;
  /**
   * Checks and completes a loaded value. Throw `InvalidValue` with the reason
   * if the device cannot have it.
   */
  postLoad?(value: V, version: number): void;
}

/** A description of the state of one device, or of a part of one. */
export interface VmState<V extends object> extends Hooks<V> {
  /** QEMU's name of it. */
  readonly name: string;
  /** The version that is saved. */
  readonly version: number;
  /** The oldest version that is loaded. */
  readonly minimumVersion: number;
  /** Its fields, in wire order. */
  readonly fields: readonly NamedField[];
  /** Its subsections, in wire order. */
  readonly subsections: readonly NamedSubsection[];
  /** Minimum bytes of a body, in any version. */
  readonly minimumSize: number;
}

/** A field, with the property of its value. */
export interface NamedField extends Field<unknown> {
  /** The property. */
  readonly name: string;
}

/** A subsection, with the property of its value. */
export interface NamedSubsection {
  /** The property. */
  readonly property: string;
  /** Its description. */
  readonly state: VmState<object>;
  /** Whether it is sent; default: if it has a value. */
  needed?(parent: object): boolean;
}

/** Options of {@linkcode vmstate}. */
export interface VmStateOptions<
  F extends Fields,
  S extends Subsections,
> extends Hooks<FieldValues<F> & SubsectionValues<S>> {
  /** Its subsections, by the property of their value. */
  readonly subsections?: S;
  /** Whether each subsection is sent; default: if it has a value. */
  readonly needed?: {
    readonly [K in keyof S]?: (
      parent: FieldValues<F> & SubsectionValues<S>,
    ) => boolean;
  };
}

/** JavaScript orders such names first, not in the order of declaration. */
const INDEX_NAME = /^\d+$/;

function checkNames(
  name: string,
  fields: Fields,
  subsections: Subsections,
): void {
  for (const field of Object.keys(fields)) {
    if (INDEX_NAME.test(field)) {
      throw new TypeError(`Field "${field}" of "${name}" would change place`);
    }
  }
  for (const [property, state] of Object.entries(subsections)) {
    if (!state.name.startsWith(name) || state.name.length <= name.length) {
      throw new TypeError(
        `Subsection "${state.name}" must be named "${name}/…"`,
      );
    }
    if (Object.hasOwn(fields, property)) {
      throw new TypeError(
        `Subsection "${state.name}" has the property of a field`,
      );
    }
  }
}

/**
 * Makes a description.
 *
 * @throws {TypeError} if a subsection's name does not begin with the
 * description's name, by which the loader knows its parent; if it shares a
 * property with a field; if a field has the name of an array index
 *
 * @example
 * ```ts
 * import { array, loadState, saveState, u16, u8, vmstate } from "./mod.ts";
 * import { Sink, Source } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 2, minimumVersion: 1 }, {
 *   ier: u8(),
 *   divisor: u16({ since: 2 }),
 *   fifo: array(u8(), 2),
 * });
 * const sink = new Sink();
 * saveState(uart, { ier: 1, divisor: 12, fifo: [65, 66] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1, 0, 12, 65, 66));
 * assertEquals(loadState(uart, new Source(sink.toBytes())).divisor, 12);
 * ```
 */
export function vmstate<
  F extends Fields,
  S extends Subsections = Record<never, never>,
>(
  name: string,
  versions: Versions,
  fields: F,
  options: VmStateOptions<F, S> = {},
): VmState<FieldValues<F> & SubsectionValues<S>> {
  const { subsections, needed, ...hooks } = options;
  const neededByProperty: Readonly<
    Record<string, NamedSubsection["needed"] | undefined>
  > = needed ?? {};
  checkNames(name, fields, subsections ?? {});
  return {
    name,
    version: versions.version,
    minimumVersion: versions.minimumVersion ?? versions.version,
    fields: Object.entries(fields).map(([name, field]) => ({ name, ...field })),
    subsections: Object.entries(subsections ?? {}).map(([property, state]) => {
      const needed = neededByProperty[property];
      return { property, state, ...needed === undefined ? {} : { needed } };
    }),
    minimumSize: Object.values(fields).reduce(
      (sum, field) => sum + minimumSizeOf(field, versions),
      0,
    ),
    ...hooks,
  };
}

function minimumSizeOf(field: Field<unknown>, versions: Versions): number {
  const oldest = versions.minimumVersion ?? versions.version;
  const always = field.when === undefined && (field.since ?? 0) <= oldest;
  return always ? field.codec.minimumSize : 0;
}
