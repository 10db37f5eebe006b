import type { Sink, Source } from "../stream/mod.ts";
import { describeBody, loadBody, saveBody } from "./body.ts";
import type { DescriptorCodec, StateContext } from "./codec.ts";
import type { VmState } from "./description.ts";
import { isFieldProblem, pathText, problemOf, VmstateError } from "./error.ts";
import type { VmsdEntry } from "./vmdesc_entry.ts";

/** Descriptors as plain signed be32 numbers, as cpr-exec sends them. */
export const plainDescriptors: DescriptorCodec = {
  load: (source) => source.i32(),
  save: (sink, descriptor) => sink.i32(descriptor),
};

/** Which section a state belongs to, for messages, and how it travels. */
export interface StateOptions {
  /** Section idstr; default: the description's name. */
  readonly section?: string;
  readonly instance?: number;
  /** Version on the wire; default: the description's own. */
  readonly version?: number;
  /** Default: {@linkcode plainDescriptors}. */
  readonly descriptors?: DescriptorCodec;
}

/**
 * Loads one state.
 *
 * @throws {VmstateError} naming section, instance, field and offset
 */
export function loadState<V extends object>(
  state: VmState<V>,
  source: Source,
  options: StateOptions = {},
): V {
  const context = contextOf(options);
  const version = options.version ?? state.version;
  return locating("load", state, context, options, () => source.offset, () => {
    return loadBody(state, source, context, version);
  });
}

/**
 * Saves one state. What was written before an error stays in the sink.
 *
 * @throws {VmstateError} when a value does not fit its field
 */
export function saveState<V extends object>(
  state: VmState<V>,
  value: V,
  sink: Sink,
  options: Omit<StateOptions, "version"> = {},
): void {
  const context = contextOf(options);
  locating("save", state, context, options, () => sink.offset, () => {
    saveBody(state, value, sink, context);
  });
}

/** What vmdesc says of a value that {@linkcode saveState} just saved. */
export function describeState<V extends object>(
  state: VmState<V>,
  value: V,
): VmsdEntry {
  return describeBody(state, value, contextOf({}));
}

function contextOf(options: StateOptions): StateContext {
  return { path: [], descriptors: options.descriptors ?? plainDescriptors };
}

function locating<T>(
  action: "load" | "save",
  state: VmState<object>,
  context: StateContext,
  options: StateOptions,
  offset: () => number,
  run: () => T,
): T {
  try {
    return run();
  } catch (error) {
    if (!isFieldProblem(error)) throw error;
    throw new VmstateError(problemOf(error), {
      section: options.section ?? state.name,
      instance: options.instance,
      field: pathText(context.path),
      offset: offset(),
    }, { action, cause: error });
  }
}
