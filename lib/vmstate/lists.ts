import type { Source } from "../stream/mod.ts";
import { describeBody, loadBody, saveBody } from "./body.ts";
import { type Codec, type Field, field, type FieldOptions } from "./codec.ts";
import type { VmState } from "./description.ts";
import { InvalidValue } from "./error.ts";
import { INTEGERS } from "./integers.ts";
import { describedSize, describeValue, entriesSize } from "./vmdesc.ts";

const MORE = 1;
const END = 0;
/** Each marker is one byte. */
const MARKER_SIZE = 1;
const COUNT_SIZE = 4;

/** QEMU reads any byte but 0 as one more element, and writes 1 only. */
function hasMore(source: Source): boolean {
  const marker = source.u8();
  if (marker > MORE) {
    throw new InvalidValue(`list marker ${marker} is neither 0 nor 1`);
  }
  return marker === MORE;
}

/** vmdesc type names of the two kinds of list; the wire is the same. */
type ListType = "qtailq" | "qlist";

function listCodec<V extends object>(
  state: VmState<V>,
  type: ListType,
): Codec<V[]> {
  return {
    type,
    minimumSize: 1,
    initial: () => [],
    // Each element takes at least its marker byte: the stream bounds the list.
    load(source, context) {
      const values: V[] = [];
      while (hasMore(source)) {
        context.path.push(values.length);
        values.push(loadBody(state, source, context, state.version));
        context.path.pop();
      }
      return values;
    },
    save(sink, values, context) {
      for (const [index, value] of values.entries()) {
        context.path.push(index);
        sink.u8(MORE);
        saveBody(state, value, sink, context);
        context.path.pop();
      }
      sink.u8(END);
    },
    describe(values, context) {
      const elements = values.map((value) =>
        describeBody(state, value, context)
      );
      const size = elements.reduce(
        (sum, element) => sum + MARKER_SIZE + describedSize(element),
        MARKER_SIZE,
      );
      const [inline] = elements;
      return [inline === undefined ? { type, size } : { type, inline, size }];
    },
  };
}

/** A list: 01 and a body for each element, then 00 (QEMU's QTAILQ). */
export const qtailq = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V[]> => field(listCodec(state, "qtailq"), options);

/** A list: 01 and a body for each element, then 00 (QEMU's QLIST). */
export const qlist = <V extends object>(
  state: VmState<V>,
  options?: FieldOptions,
): Field<V[]> => field(listCodec(state, "qlist"), options);

/** One node of a tree. */
export interface TreeNode<K, V> {
  readonly key: K;
  readonly value: V;
}

function keyCodec<K extends object>(key: VmState<K>): Codec<K> {
  return {
    type: "struct",
    minimumSize: key.minimumSize,
    initial: () => {
      throw new InvalidValue("a tree has no first key");
    },
    load: (source, context) => loadBody(key, source, context, key.version),
    save: (sink, value, context) => saveBody(key, value, sink, context),
    describe(value, context) {
      const struct = describeBody(key, value, context);
      return [{ type: "struct", struct, size: describedSize(struct) }];
    },
  };
}

function treeField<K, V extends object>(
  key: Codec<K>,
  value: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<K, V>[]> {
  const codec: Codec<TreeNode<K, V>[]> = {
    type: "gtree",
    minimumSize: 5,
    initial: () => [],
    load(source, context) {
      const count = source.u32();
      const nodes: TreeNode<K, V>[] = [];
      while (hasMore(source)) {
        if (nodes.length === count) throw wrongCount(count, "more");
        context.path.push(nodes.length);
        nodes.push({
          key: key.load(source, context, {}),
          value: loadBody(value, source, context, value.version),
        });
        context.path.pop();
      }
      if (nodes.length < count) throw wrongCount(count, `${nodes.length}`);
      return nodes;
    },
    save(sink, nodes, context) {
      sink.u32(nodes.length);
      for (const [index, node] of nodes.entries()) {
        context.path.push(index);
        sink.u8(MORE);
        key.save(sink, node.key, context, {});
        saveBody(value, node.value, sink, context);
        context.path.pop();
      }
      sink.u8(END);
    },
    describe(nodes, context) {
      const size = nodes.reduce(
        (sum, node) =>
          sum + MARKER_SIZE +
          entriesSize(describeValue(key, node.key, context, {})) +
          describedSize(describeBody(value, node.value, context)),
        COUNT_SIZE + MARKER_SIZE,
      );
      return [{ type: "gtree", size }];
    },
  };
  return field(codec, options);
}

function wrongCount(count: number, found: string): InvalidValue {
  return new InvalidValue(`tree of ${count} nodes has ${found}`);
}

/**
 * A tree with a described key: be32 node count, then 01, key body and value
 * body for each node, then 00.
 */
export const gtree = <K extends object, V extends object>(
  key: VmState<K>,
  value: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<K, V>[]> => treeField(keyCodec(key), value, options);

/** A tree whose keys are be64 numbers. */
export const gtreeDirect = <V extends object>(
  value: VmState<V>,
  options?: FieldOptions,
): Field<TreeNode<bigint, V>[]> => treeField(INTEGERS.u64, value, options);
