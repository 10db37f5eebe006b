/**
 * A DMA engine that computes digests of RAM in the background: the guest queues
 * ranges; the engine takes time for each, writes the digest to RAM, and raises
 * an interrupt.
 *
 * ```
 * 00  address    of the range, a multiple of 4
 * 04  length     in bytes, a multiple of 4, at most 1 MiB
 * 08  result     address for the digest, a multiple of 4
 * 0c  submit     write anything: queue the request in 00 … 08
 * 10  status     bits 0-7 requests queued, 8 interrupt, 9 error; write 1 to
 *                8 or 9 to clear it
 * 14  completed  requests completed, modulo 2^32
 * ```
 *
 * A request that does not fit the queue or the RAM is dropped with an error.
 * The digest is 32-bit FNV-1a over little-endian words instead of bytes.
 *
 * @module
 */

import {
  PAGE_BITS,
  RAM_BASE,
  requireAtMost,
  requireClear,
  requireThat,
  type Width,
} from "../cpu/mod.ts";
import {
  bool,
  initialValue,
  struct,
  timer,
  u32,
  u8,
  type Value,
  varray,
  vmstate,
} from "../../vmstate/mod.ts";
import { type Clock, type Device, StatefulDevice } from "./device.ts";

/** Size of the queue, including the current request. */
export const DIGEST_QUEUE = 8;
/** Keeps the time for one request well below that between two slices. */
const MAXIMUM_DIGEST = 1024 * 1024;
const NANOSECONDS_A_BYTE = 250n;

/** Start value and multiplier of the digest. */
const DIGEST_BASIS = 0x811c_9dc5;
const DIGEST_PRIME = 0x0100_0193;

/** Offsets of the registers. */
export const DIGEST_REGISTER = {
  address: 0x00,
  length: 0x04,
  result: 0x08,
  submit: 0x0c,
  status: 0x10,
  completed: 0x14,
} as const;

/** The registers that hold what is written to them, in order. */
const OPERANDS = ["address", "length", "result"] as const;

/** Bits of the status register. */
export const DIGEST_STATUS = {
  interrupt: 0x100,
  error: 0x200,
} as const;

const digestRequestState = vmstate("digest/request", { version: 1 }, {
  address: u32(),
  length: u32(),
  result: u32(),
}, {
  postLoad({ address, length, result }) {
    requireClear("address", address, 3);
    requireClear("length", length, 3);
    requireClear("result", result, 3);
    requireAtMost("length", length, MAXIMUM_DIGEST);
  },
});

type DigestRequest = Value<typeof digestRequestState>;

export const digestState = vmstate("digest", { version: 1 }, {
  /** The registers, which are not checked until submit. */
  address: u32(),
  length: u32(),
  result: u32(),
  completed: u32(),
  interrupt: bool(),
  error: bool(),
  requestCount: u8(),
  requests: varray(struct(digestRequestState), "requestCount"),
  /** When the first request completes; null when there is none. */
  deadline: timer(),
}, {
  postLoad({ requestCount, deadline }) {
    requireAtMost("requestCount", requestCount, DIGEST_QUEUE);
    requireThat(
      (deadline !== null) === requestCount > 0 && (deadline ?? 0n) >= 0n,
      "deadline",
      deadline,
      requestCount > 0 ? "a time, as a request waits" : "null",
    );
  },
});

export type DigestState = Value<typeof digestState>;

export class DigestEngine extends StatefulDevice<DigestState>
  implements Device {
  readonly #ram: DataView;

  /** @param dirty set to 1 for each page of RAM that is written to */
  constructor(
    private readonly clock: Clock,
    ram: Uint8Array,
    private readonly dirty?: Uint8Array,
  ) {
    super(() => initialValue(digestState));
    this.#ram = new DataView(ram.buffer, ram.byteOffset, ram.length);
  }

  /** True until the guest clears it. */
  get interrupt(): boolean {
    this.#work();
    return this.state.interrupt;
  }

  override nextDeadline(): bigint | null {
    this.#work();
    return this.state.deadline;
  }

  read(offset: number, width: Width): number | undefined {
    if (width !== 4) return undefined;
    this.#work();
    const operand = OPERANDS[offset / 4];
    if (operand !== undefined) return this.state[operand];
    if (offset === DIGEST_REGISTER.status) return this.#status();
    return offset === DIGEST_REGISTER.completed ? this.state.completed : 0;
  }

  write(offset: number, width: Width, value: number): boolean {
    if (width !== 4) return false;
    this.#work();
    const operand = OPERANDS[offset / 4];
    if (operand !== undefined) this.state[operand] = value >>> 0;
    if (offset === DIGEST_REGISTER.submit) this.#submit();
    if (offset === DIGEST_REGISTER.status) {
      if ((value & DIGEST_STATUS.interrupt) !== 0) this.state.interrupt = false;
      if ((value & DIGEST_STATUS.error) !== 0) this.state.error = false;
    }
    return true;
  }

  #status(): number {
    const { requestCount, interrupt, error } = this.state;
    return requestCount | (interrupt ? DIGEST_STATUS.interrupt : 0) |
      (error ? DIGEST_STATUS.error : 0);
  }

  #submit(): void {
    const { address, length, result, requests } = this.state;
    const request = { address, length, result };
    const isAligned = ((address | length | result) & 3) === 0;
    if (
      requests.length >= DIGEST_QUEUE || !isAligned ||
      length > MAXIMUM_DIGEST || !this.#isInRam(request)
    ) {
      this.#fail();
      return;
    }
    requests.push(request);
    this.state.requestCount = requests.length;
    if (requests.length === 1) this.#begin(this.clock());
  }

  #isInRam({ address, length, result }: DigestRequest): boolean {
    const end = RAM_BASE + this.#ram.byteLength;
    return address >= RAM_BASE && address + length <= end &&
      result >= RAM_BASE && result + 4 <= end;
  }

  #fail(): void {
    this.state.error = true;
    this.state.interrupt = true;
  }

  /** Starts the first request, if there is one. */
  #begin(now: bigint): void {
    const [first] = this.state.requests;
    this.state.deadline = first === undefined
      ? null
      : now + BigInt(first.length) * NANOSECONDS_A_BYTE;
  }

  /** Completes the requests that are due. */
  #work(): void {
    const state = this.state;
    while (state.deadline !== null && state.deadline <= this.clock()) {
      const request = state.requests.shift();
      state.requestCount = state.requests.length;
      if (request !== undefined) this.#complete(request);
      this.#begin(state.deadline);
    }
  }

  /** A request of another machine's state may not fit this one's RAM. */
  #complete(request: DigestRequest): void {
    if (!this.#isInRam(request)) {
      this.#fail();
      return;
    }
    const { address, length, result } = request;
    const value = digestOf(this.#ram, address - RAM_BASE, length);
    const place = result - RAM_BASE;
    this.#ram.setInt32(place, value, true);
    if (this.dirty !== undefined) this.dirty[place >>> PAGE_BITS] = 1;
    this.state.completed = (this.state.completed + 1) >>> 0;
    this.state.interrupt = true;
  }
}

/** The digest of `length` bytes at an offset, as int32. */
export function digestOf(
  bytes: DataView,
  offset: number,
  length: number,
): number {
  let digest = DIGEST_BASIS | 0;
  for (let at = offset; at < offset + length; at += 4) {
    digest = Math.imul(digest ^ bytes.getInt32(at, true), DIGEST_PRIME);
  }
  return digest;
}
