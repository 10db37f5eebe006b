/** Single fields, saved and loaded apart. */

import { assertThrows } from "@std/assert";
import { Sink, Source } from "../../lib/stream/mod.ts";
import {
  describeState,
  type Field,
  loadState,
  type NamedFieldEntry,
  saveState,
  u8,
  vmstate,
  VmstateError,
} from "../../lib/vmstate/mod.ts";

function stateOf(field: Field<unknown>) {
  return vmstate("t", { version: 1 }, { x: field });
}

function countedStateOf(field: Field<unknown>) {
  return vmstate("t", { version: 1 }, { n: u8(), x: field });
}

/** The bytes of a value. */
export function saved<T>(field: Field<T>, value: T): number[] {
  const sink = new Sink();
  saveState(stateOf(field), { x: value }, sink);
  return [...sink.toBytes()];
}

/** The value of bytes, all of which must be read. */
export function loaded<T>(field: Field<T>, bytes: readonly number[]): unknown {
  const source = new Source(Uint8Array.from(bytes));
  const { x } = loadState(stateOf(field), source);
  if (source.remaining > 0) throw new Error(`${source.remaining} bytes left`);
  return x;
}

/** The bytes of a value after a field "n", without it. */
export function savedCounted<T>(
  field: Field<T>,
  n: number,
  value: T,
): number[] {
  const sink = new Sink();
  saveState(countedStateOf(field), { n, x: value }, sink);
  return [...sink.toBytes()].slice(1);
}

/** The value of bytes that come after a field "n". */
export function loadedCounted<T>(
  field: Field<T>,
  n: number,
  bytes: readonly number[],
): unknown {
  const source = new Source(Uint8Array.of(n, ...bytes));
  return loadState(countedStateOf(field), source).x;
}

/** What vmdesc says of the field. */
export function described<T>(field: Field<T>, value: T): NamedFieldEntry[] {
  return [...describeState(stateOf(field), { x: value }).fields];
}

/** Sees the bytes refused. */
export function refusesBytes<T>(
  field: Field<T>,
  bytes: readonly number[],
  message: string,
): VmstateError {
  return assertThrows(() => loaded(field, bytes), VmstateError, message);
}

/** Sees the value refused. */
export function refusesValue<T>(
  field: Field<T>,
  value: T,
  message: string,
): VmstateError {
  return assertThrows(() => saved(field, value), VmstateError, message);
}
