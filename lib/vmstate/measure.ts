import { Sink } from "../stream/mod.ts";
import type { Codec, StateContext } from "./codec.ts";

/** Wire bytes of a value whose encoding needs no siblings. */
export function savedSize<T>(
  codec: Codec<T>,
  value: T,
  context: StateContext,
): number {
  const sink = new Sink();
  codec.save(sink, value, context, {});
  return sink.offset;
}
