import type { Sink, Source } from "../stream/mod.ts";
import { describeBody, loadBody, saveBody } from "./body.ts";
import type { DescriptorCodec, StateContext, VmsdEntry } from "./codec.ts";
import type { VmState } from "./description.ts";
import { isFieldProblem, pathText, problemOf, VmstateError } from "./error.ts";

/** Descriptors as signed be32 numbers, as in cpr-exec. */
export const plainDescriptors: DescriptorCodec = {
  load: (source) => source.i32(),
  save: (sink, descriptor) => sink.i32(descriptor),
};

/** The section of a state, for errors, and how the state is encoded. */
export interface StateOptions {
  /** Section idstr; default: the description's name. */
  readonly section?: string;
  /** Instance id of the section. */
  readonly instance?: number;
  /** Version on the wire; default: the description's own. */
  readonly version?: number;
  /** Default: {@linkcode plainDescriptors}. */
  readonly descriptors?: DescriptorCodec;
}

/**
 * Loads one state.
 *
 * @throws {VmstateError} with the section, instance, field and offset
 *
 * @example
 * ```ts
 * import { loadState, u8, vmstate } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 1 }, { ier: u8() });
 * assertEquals(loadState(uart, new Source(Uint8Array.of(1))), { ier: 1 });
 * ```
 */
export function loadState<V extends object>(
  state: VmState<V>,
  source: Source,
  options: StateOptions = {},
): V {
  const version = options.version ?? state.version;
  return locating("load", state, options, source, (context) => {
    return loadBody(state, source, context, version);
  });
}

/**
 * Saves one state. After an error, the sink keeps what was written before.
 *
 * @throws {VmstateError} when a value does not fit its field
 *
 * @example
 * ```ts
 * import { saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 1 }, { ier: u8() });
 * const sink = new Sink();
 * saveState(uart, { ier: 1 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1));
 * ```
 */
export function saveState<V extends object>(
  state: VmState<V>,
  value: V,
  sink: Sink,
  options: Omit<StateOptions, "version"> = {},
): void {
  locating("save", state, options, sink, (context) => {
    saveBody(state, value, sink, context);
  });
}

/**
 * The vmdesc entry of a value that {@linkcode saveState} saved.
 *
 * @example
 * ```ts
 * import { describeState, u8, vmstate } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uart = vmstate("uart", { version: 1 }, { ier: u8() });
 * assertEquals(describeState(uart, { ier: 1 }).fields, [
 *   { name: "ier", type: "uint8", size: 1 },
 * ]);
 * ```
 */
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
  options: StateOptions,
  stream: { readonly offset: number },
  run: (context: StateContext) => T,
): T {
  const context = contextOf(options);
  try {
    return run(context);
  } catch (error) {
    if (!isFieldProblem(error)) throw error;
    throw new VmstateError(problemOf(error), {
      section: options.section ?? state.name,
      instance: options.instance,
      field: pathText(context.path),
      offset: stream.offset,
    }, { action, cause: error });
  }
}
