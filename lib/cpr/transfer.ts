/**
 * The hand-over of CPR state through a unix socket: mode cpr-transfer.
 *
 * ```
 * source                                destination
 *                                       listens, and waits
 * connects
 *   …name, id ─────────────────────────▶
 *   20, with a descriptor (SCM_RIGHTS) ─▶   for each descriptor
 *   …the rest, end of stream ──────────▶ makes its objects
 *                                       listens for the main stream
 *   ◀────────────────────────── hangs up
 * stops the guest, connects
 * ```
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import { Sink } from "../stream/mod.ts";
import { InvalidValue } from "../vmstate/mod.ts";
import { CprError } from "./error.ts";
import type { CprRegistry } from "./registry.ts";
import {
  type CprState,
  decodeCprState,
  encodeCprState,
  MAXIMUM_STATE_SIZE,
  transferredDescriptors,
} from "./state.ts";

const PIECE = 4096;

/** A connected unix socket, which carries descriptors. */
export interface CprSocket {
  /** Sends bytes, and descriptors with the first of them. */
  send(
    bytes: Uint8Array,
    timeoutMs: number,
    descriptors?: readonly number[],
  ): Promise<void>;
  /** Receives what is available; no bytes are the end of the stream. */
  receiveWithDescriptors(
    limit: number,
    timeoutMs: number,
  ): Promise<{
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly descriptors: readonly Fd[];
  }>;
  /** Ends the stream in this direction. */
  finish(): void;
}

/**
 * Sends a registry with its descriptors, which stay open here.
 *
 * @param timeoutMs longest wait for a peer that takes nothing
 * @throws {OsError} EPIPE, ECONNRESET, ETIMEDOUT
 *
 * @example
 * ```ts
 * import { UnixSocket } from "../../ffi/socket.ts";
 * import { CprRegistry, receiveCprState, sendCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [source, destination] = UnixSocket.pair();
 * using _source = source;
 * using _destination = destination;
 * await sendCprState(source, new CprRegistry(), 1000);
 * assertEquals(await receiveCprState(destination, 1000), {
 *   descriptors: [],
 *   vfioDevices: [],
 * });
 * ```
 */
export async function sendCprState(
  socket: CprSocket,
  registry: CprRegistry,
  timeoutMs: number,
): Promise<void> {
  const places: { at: number; descriptor: number }[] = [];
  const { load, save } = transferredDescriptors(() => -1);
  const bytes = encodeCprState(registry.toState(), {
    load,
    save(sink, descriptor) {
      places.push({ at: sink.offset, descriptor });
      save(sink, descriptor);
    },
  });
  let done = 0;
  for (const { at, descriptor } of places) {
    await socket.send(bytes.subarray(done, at), timeoutMs);
    done = at + 1;
    await socket.send(bytes.subarray(at, done), timeoutMs, [descriptor]);
  }
  await socket.send(bytes.subarray(done), timeoutMs);
  socket.finish();
}

/**
 * Receives a table up to the end of the stream. Its descriptors are open in
 * this process, close-on-exec, and the caller's.
 *
 * @param timeoutMs longest wait for a peer that sends nothing
 * @throws {OsError} ECONNRESET, ETIMEDOUT, EMSGSIZE
 * @throws {CprError} when a descriptor is missing, or one too many
 * @throws {StreamError} when it is torn or malformed
 *
 * @example
 * ```ts
 * import { UnixSocket } from "../../ffi/socket.ts";
 * import { receiveCprState } from "./mod.ts";
 * import { assertRejects } from "@std/assert";
 *
 * const [source, destination] = UnixSocket.pair();
 * using _destination = destination;
 * source[Symbol.dispose]();
 * await assertRejects(() => receiveCprState(destination, 1000), Error, "early");
 * ```
 */
export async function receiveCprState(
  socket: CprSocket,
  timeoutMs: number,
): Promise<CprState> {
  using received = new DisposableStack();
  const descriptors: Fd[] = [];
  const bytes = new Sink();
  for (;;) {
    const piece = await socket.receiveWithDescriptors(PIECE, timeoutMs);
    for (const fd of piece.descriptors) descriptors.push(received.use(fd));
    if (piece.bytes.length === 0) break;
    bytes.bytes(piece.bytes);
    if (bytes.length > MAXIMUM_STATE_SIZE) throw wrong("it is too long");
  }
  const rest = descriptors.values();
  const next = () => {
    const { value } = rest.next();
    if (value !== undefined) return value.number;
    throw new InvalidValue("no descriptor came with it");
  };
  const state = decodeCprState(bytes.toBytes(), transferredDescriptors(next));
  if (rest.next().done !== true) throw wrong("it has one descriptor too many");
  received.move();
  return state;
}

function wrong(what: string): CprError {
  return new CprError("cpr-transfer", `Cannot use the CPR state: ${what}`);
}
