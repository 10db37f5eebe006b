import type { Sink, Source } from "../stream/mod.ts";
import {
  isPresent,
  type NamedFieldEntry,
  type StateContext,
  type VmsdEntry,
} from "./codec.ts";
import type { NamedSubsection, VmState } from "./description.ts";
import { InvalidValue } from "./error.ts";
import { describeValue } from "./vmdesc.ts";

/** Type byte of a subsection. */
const SUBSECTION = 0x05;

/** Loads the body of a description: fields, subsections, then postLoad. */
export function loadBody<V extends object>(
  state: VmState<V>,
  source: Source,
  context: StateContext,
  version: number,
): V {
  checkVersion(state, version);
  const value: Record<string, unknown> = {};
  for (const field of state.fields) {
    if (!isPresent(field, value, version)) {
      setUnlessVoid(value, field.name, field.codec.initial());
      continue;
    }
    context.path.push(field.name);
    setUnlessVoid(value, field.name, field.codec.load(source, context, value));
    context.path.pop();
  }
  loadSubsections(state, source, context, value);
  const loaded = value as V; // what the fields of `state` make, by definition
  state.postLoad?.(loaded, version);
  return loaded;
}

function setUnlessVoid(
  target: Record<string, unknown>,
  name: string,
  value: unknown,
): void {
  if (value !== undefined) target[name] = value;
}

function checkVersion(state: VmState<object>, version: number): void {
  if (version > state.version) {
    throw new InvalidValue(
      `version ${version} of "${state.name}" is newer than ${state.version}`,
    );
  }
  if (version < state.minimumVersion) {
    throw new InvalidValue(
      `version ${version} of "${state.name}" is older than the oldest ` +
        `supported, ${state.minimumVersion}`,
    );
  }
}

/**
 * Subsections come in any order. Their names begin with the parent's; one with
 * another name belongs to an enclosing description.
 */
function loadSubsections(
  state: VmState<object>,
  source: Source,
  context: StateContext,
  value: Record<string, unknown>,
): void {
  for (;;) {
    const name = peekSubsection(source, state.name);
    if (name === undefined) return;
    const known = state.subsections.find((sub) => sub.state.name === name);
    if (known === undefined) {
      throw new InvalidValue(`subsection "${name}" is not known here`);
    }
    if (Object.hasOwn(value, known.property)) {
      throw new InvalidValue(`subsection "${name}" comes twice`);
    }
    source.skip(2 + source.peekByte(1));
    const version = source.u32();
    context.path.push(known.property);
    value[known.property] = loadBody(known.state, source, context, version);
    context.path.pop();
  }
}

/** The name of the next subsection, if it is one of `parent`. */
function peekSubsection(
  source: Source,
  parent: string,
): string | undefined {
  if (source.peek() !== SUBSECTION) return undefined;
  const length = source.peek(1) ?? 0;
  if (length <= parent.length || source.remaining < 2 + length) {
    return undefined;
  }
  const name = source.peekText(2, length);
  return name?.startsWith(parent) ? name : undefined;
}

/** Saves the body of a description: preSave, fields, then subsections. */
export function saveBody<V extends object>(
  state: VmState<V>,
  value: V,
  sink: Sink,
  context: StateContext,
  version: number = state.version,
): void {
  state.preSave?.(value);
  const values = asRecord(value);
  for (const field of state.fields) {
    if (!isPresent(field, values, version)) continue;
    context.path.push(field.name);
    field.codec.save(sink, values[field.name], context, values);
    context.path.pop();
  }
  for (const sub of neededSubsections(state, value)) {
    context.path.push(sub.property);
    sink.u8(SUBSECTION);
    sink.countedString(sub.state.name);
    sink.u32(sub.state.version);
    saveBody(sub.state, subsectionValue(sub, values), sink, context);
    context.path.pop();
  }
}

/** The vmdesc entry of a value: the fields and subsections that are sent. */
export function describeBody(
  state: VmState<object>,
  value: object,
  context: StateContext,
  version: number = state.version,
): VmsdEntry {
  const values = asRecord(value);
  const fields: NamedFieldEntry[] = [];
  for (const { name, ...field } of state.fields) {
    if (!isPresent(field, values, version)) continue;
    const entries = describeValue(field.codec, values[name], context, values);
    for (const entry of entries) fields.push({ name, ...entry });
  }
  const subsections = neededSubsections(state, value).map((sub) =>
    describeBody(sub.state, subsectionValue(sub, values), context)
  );
  return {
    vmsd_name: state.name,
    version,
    fields,
    ...subsections.length === 0 ? {} : { subsections },
  };
}

function neededSubsections(
  state: VmState<object>,
  value: object,
): NamedSubsection[] {
  return state.subsections.filter((sub) =>
    sub.needed?.(value) ?? asRecord(value)[sub.property] !== undefined
  );
}

function subsectionValue(
  sub: NamedSubsection,
  values: Readonly<Record<string, unknown>>,
): object {
  const value = values[sub.property];
  if (typeof value !== "object" || value === null) {
    throw new InvalidValue(`subsection "${sub.state.name}" has no value`);
  }
  return value;
}

function asRecord(value: object): Readonly<Record<string, unknown>> {
  return value as Readonly<Record<string, unknown>>;
}

/**
 * The value of a description none of whose fields is in the stream: zeros, and
 * nothing in what has a length of its own.
 *
 * @example
 * ```ts
 * import { array, initialValue, u8, vmstate } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 1 }, { fifo: array(u8(), 2) });
 * assertEquals(initialValue(uart), { fifo: [0, 0] });
 * ```
 */
export function initialValue<V extends object>(state: VmState<V>): V {
  const value: Record<string, unknown> = {};
  for (const field of state.fields) {
    setUnlessVoid(value, field.name, field.codec.initial());
  }
  return value as V; // what the fields of `state` make, by definition
}
