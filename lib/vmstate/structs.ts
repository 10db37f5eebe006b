import { describeBody, initialValue, loadBody, saveBody } from "./body.ts";
import { type Codec, type Field, field, type FieldOptions } from "./codec.ts";
import type { VmState } from "./description.ts";
import { describedSize } from "./vmdesc.ts";

function structCodec<V extends object>(
  state: VmState<V>,
  version: number,
): Codec<V> {
  return {
    type: "struct",
    minimumSize: state.minimumSize,
    initial: () => initialValue(state),
    load: (source, context) => loadBody(state, source, context, version),
    save: (sink, value, context) =>
      saveBody(state, value, sink, context, version),
    describe(value, context) {
      const struct = describeBody(state, value, context, version);
      return [{ type: "struct", struct, size: describedSize(struct) }];
    },
  };
}

/**
 * A nested description, inline with its subsections. Its version is not on the
 * wire: it loads as the local one, so it must not change incompatibly.
 */
export const struct = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V> => field(structCodec(state, state.version), options);

/** A nested description of which a fixed version's fields are on the wire. */
export const versionedStruct = <V extends object>(
  state: VmState<V>,
  version: number,
  options?: FieldOptions,
): Field<V> => field(structCodec(state, version), options);

/**
 * A temporary that is made from other state while saving and folded into it
 * after loading (QEMU's "tmp"); the wire has only its body.
 */
export function temporary<V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V> {
  const body = structCodec(state, state.version);
  return field({
    ...body,
    type: "tmp",
    describe(value, context) {
      const inline = describeBody(state, value, context);
      return [{ type: "tmp", inline, size: describedSize(inline) }];
    },
  }, options);
}
