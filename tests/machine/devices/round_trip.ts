import { assert, assertEquals, assertThrows } from "@std/assert";
import { Sink, Source } from "../../../lib/stream/mod.ts";
import {
  loadState,
  saveState,
  type VmState,
  VmstateError,
} from "../../../lib/vmstate/mod.ts";

/** A clock that tests move. */
export class TestClock {
  now = 0n;
  readonly read = (): bigint => this.now;
}

/** A value after its way through the stream. */
export function throughStream<V extends object>(
  state: VmState<V>,
  value: V,
): V {
  const sink = new Sink();
  saveState(state, value, sink);
  const source = new Source(sink.toBytes());
  const loaded = loadState(state, source);
  assertEquals(source.remaining, 0);
  assertEquals(loaded, value);
  return loaded;
}

/** An impossible value is refused, and the message names the field. */
export function assertRefused<V extends object>(
  state: VmState<V>,
  value: V,
  field: string,
): void {
  const sink = new Sink();
  saveState(state, value, sink);
  const error = assertThrows(
    () => loadState(state, new Source(sink.toBytes())),
    VmstateError,
  );
  assert(error.message.includes(`"${field}"`), error.message);
}
