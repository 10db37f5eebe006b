import { describeBody, initialValue, loadBody, saveBody } from "./body.ts";
import {
  type Codec,
  eachElement,
  type Field,
  field,
  type FieldOptions,
} from "./codec.ts";
import type { VmState } from "./description.ts";
import { describedSize, describeValue, entriesSize } from "./vmdesc.ts";
import type { Source } from "../stream/mod.ts";
import { InvalidValue } from "./error.ts";
import { INTEGERS } from "./integers.ts";

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

const MORE = 1;
const END = 0;
/** Each marker is one byte. */
const MARKER_SIZE = 1;
const COUNT_SIZE = 4;

/** QEMU writes only 1 before an element, and takes any byte but 0. */
function hasMore(source: Source): boolean {
  const marker = source.u8();
  if (marker > MORE) {
    throw new InvalidValue(`list marker ${marker} is neither 0 nor 1`);
  }
  return marker === MORE;
}

/**
 * 01 and an element for each value, then 00. Each takes at least its marker
 * byte, so the stream bounds the list.
 *
 * @param isCounted whether their be32 number comes first, as for a tree
 */
function markedCodec<T>(
  type: string,
  element: Codec<T>,
  isCounted: boolean,
): Codec<T[]> {
  const minimumSize = (isCounted ? COUNT_SIZE : 0) + MARKER_SIZE;
  return {
    type,
    minimumSize,
    initial: () => [],
    load(source, context) {
      const count = isCounted ? source.u32() : Infinity;
      const values: T[] = [];
      while (hasMore(source)) {
        if (values.length === count) throw wrongCount(count, "more");
        context.path.push(values.length);
        values.push(element.load(source, context, {}));
        context.path.pop();
      }
      if (!isCounted || values.length === count) return values;
      throw wrongCount(count, `${values.length}`);
    },
    save(sink, values, context) {
      if (isCounted) sink.u32(values.length);
      eachElement(values, context, (value) => {
        sink.u8(MORE);
        element.save(sink, value, context, {});
      });
      sink.u8(END);
    },
    describe(values, context) {
      const elements = values.map((value) =>
        describeValue(element, value, context, {})
      );
      const size = elements.reduce(
        (sum, entries) => sum + MARKER_SIZE + entriesSize(entries),
        minimumSize,
      );
      // vmdesc has the elements of a list, by the first one, but no nodes.
      const inline = isCounted ? undefined : elements[0]?.[0]?.struct;
      return [inline === undefined ? { type, size } : { type, inline, size }];
    },
  };
}

function wrongCount(count: number, found: string): InvalidValue {
  return new InvalidValue(`tree of ${count} nodes has ${found}`);
}

/** vmdesc has its own type names for the two kinds of list. */
const listField = <V extends object>(
  type: "qtailq" | "qlist",
  state: VmState<V>,
  options?: FieldOptions,
): Field<V[]> =>
  field(markedCodec(type, structCodec(state, state.version), false), options);

/**
 * A list (QEMU's QTAILQ): 01 and a body for each element, then 00.
 *
 * @example
 * ```ts
 * import { qtailq, saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const request = vmstate("request", { version: 1 }, { tag: u8() });
 * const state = vmstate("device", { version: 1 }, { requests: qtailq(request) });
 * const sink = new Sink();
 * saveState(state, { requests: [{ tag: 7 }, { tag: 8 }] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1, 7, 1, 8, 0));
 * ```
 */
export const qtailq = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V[]> => listField("qtailq", state, options);

/**
 * A list (QEMU's QLIST): 01 and a body for each element, then 00.
 *
 * @example
 * ```ts
 * import { qlist, saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const request = vmstate("request", { version: 1 }, { tag: u8() });
 * const state = vmstate("device", { version: 1 }, { requests: qlist(request) });
 * const sink = new Sink();
 * saveState(state, { requests: [{ tag: 7 }] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(1, 7, 0));
 * ```
 */
export const qlist = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V[]> => listField("qlist", state, options);

/** One node of a tree. */
export interface TreeNode<K, V> {
  /** What it is sorted by. */
  readonly key: K;
  /** What it holds. */
  readonly value: V;
}

function treeField<K, V extends object>(
  key: Codec<K>,
  state: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<K, V>[]> {
  const value = structCodec(state, state.version);
  const node: Codec<TreeNode<K, V>> = {
    type: "node",
    minimumSize: key.minimumSize + value.minimumSize,
    initial: () => ({ key: key.initial(), value: value.initial() }),
    load: (source, context) => ({
      key: key.load(source, context, {}),
      value: value.load(source, context, {}),
    }),
    save(sink, node, context) {
      key.save(sink, node.key, context, {});
      value.save(sink, node.value, context, {});
    },
    describe: (node, context) => [
      ...describeValue(key, node.key, context, {}),
      ...describeValue(value, node.value, context, {}),
    ],
  };
  return field(markedCodec("gtree", node, true), options);
}

/**
 * A tree with a described key: be32 node count, then 01, key body and value
 * body for each node, then 00.
 *
 * @example
 * ```ts
 * import { gtree, saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const domain = vmstate("domain", { version: 1 }, { id: u8() });
 * const mapping = vmstate("mapping", { version: 1 }, { flags: u8() });
 * const state = vmstate("iommu", { version: 1 }, {
 *   mappings: gtree(domain, mapping),
 * });
 * const sink = new Sink();
 * saveState(
 *   state,
 *   { mappings: [{ key: { id: 5 }, value: { flags: 3 } }] },
 *   sink,
 * );
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 0, 1, 1, 5, 3, 0));
 * ```
 */
export const gtree = <K extends object, V extends object>(
  key: VmState<K>,
  value: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<K, V>[]> =>
  treeField(structCodec(key, key.version), value, options);

/**
 * A tree whose keys are be64 numbers.
 *
 * @example
 * ```ts
 * import { gtreeDirect, saveState, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const mapping = vmstate("mapping", { version: 1 }, { flags: u8() });
 * const state = vmstate("iommu", { version: 1 }, {
 *   mappings: gtreeDirect(mapping),
 * });
 * const sink = new Sink();
 * saveState(state, { mappings: [{ key: 9n, value: { flags: 3 } }] }, sink);
 * assertEquals(
 *   sink.toBytes(),
 *   Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9, 3, 0),
 * );
 * ```
 */
export const gtreeDirect = <V extends object>(
  value: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<bigint, V>[]> => treeField(INTEGERS.u64, value, options);
