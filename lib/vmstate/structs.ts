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
 * wire: it is loaded as the local one, so it must not change incompatibly.
 *
 * @example
 * ```ts
 * import { saveState, struct, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const ring = vmstate("ring", { version: 1 }, { head: u8(), tail: u8() });
 * const state = vmstate("device", { version: 1 }, { rx: struct(ring) });
 * const sink = new Sink();
 * saveState(state, { rx: { head: 2, tail: 1 } }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(2, 1));
 * ```
 */
export const struct = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V> => field(structCodec(state, state.version), options);

/**
 * A nested description with the fields of a fixed version on the wire.
 *
 * @example
 * ```ts
 * import { saveState, u8, versionedStruct, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const ring = vmstate("ring", { version: 2, minimumVersion: 1 }, {
 *   head: u8(),
 *   flags: u8({ since: 2 }),
 * });
 * const state = vmstate("device", { version: 1 }, {
 *   rx: versionedStruct(ring, 1),
 * });
 * const sink = new Sink();
 * saveState(state, { rx: { head: 2, flags: 0 } }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(2));
 * ```
 */
export const versionedStruct = <V extends object>(
  state: VmState<V>,
  version: number,
  options?: FieldOptions,
): Field<V> => field(structCodec(state, version), options);

/**
 * A temporary (QEMU's "tmp"), derived from other state before saving and merged
 * into it after loading. The wire has only its body.
 *
 * @example
 * ```ts
 * import { saveState, temporary, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const link = vmstate("link", { version: 1 }, { down: u8() });
 * const state = vmstate("net", { version: 1 }, { link: temporary(link) });
 * const sink = new Sink();
 * saveState(state, { link: { down: 1 } }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1));
 * ```
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
