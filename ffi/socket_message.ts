/**
 * `struct msghdr` and the structs that it points to, in one buffer:
 *
 * ```
 *   0  msg_name        null
 *   8  msg_namelen     0
 *  16  msg_iov ───────────────┐
 *  24  msg_iovlen      1      │
 *  32  msg_control ──────┐    │
 *  40  msg_controllen    │    │
 *  48  msg_flags         │    │
 *  56  iov_base  ◀───────┼────┘   ──▶ the bytes, in a buffer of their own
 *  64  iov_len           │
 *  72  cmsg_len  ◀───────┘
 *  80  cmsg_level      SOL_SOCKET
 *  84  cmsg_type       SCM_RIGHTS
 *  88  descriptors     int each, padded to 8 bytes
 * ```
 *
 * @module
 */

import { addressOf } from "./memory.ts";

/** The most descriptors in one message: SCM_MAX_FD of the kernel. */
export const SCM_MAX_FD = 253;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x08;

const MSG = { iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 };
const IOV = { base: 56, length: 64 };
const CMSG = { start: 72, level: 80, type: 84, data: 88 };
const CMSG_HEADER = CMSG.data - CMSG.start;

/**
 * A message of bytes and descriptors. It has only the address of the bytes: the
 * caller must keep them alive as long as the message is used.
 */
export class Message {
  /** To pass to sendmsg(2) or recvmsg(2). */
  readonly struct: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /** A message with room for the bytes and for so many descriptors. */
  constructor(bytes: Uint8Array<ArrayBuffer>, descriptors: number) {
    const space = descriptors === 0
      ? 0
      : CMSG_HEADER + Math.ceil(descriptors / 2) * 8;
    this.struct = new Uint8Array(CMSG.start + space);
    const view = this.#view = new DataView(this.struct.buffer);
    const base = addressOf(this.struct);
    view.setBigUint64(MSG.iov, base + BigInt(IOV.base), true);
    view.setBigUint64(MSG.iovlen, 1n, true);
    view.setBigUint64(IOV.base, addressOf(bytes), true);
    view.setBigUint64(IOV.length, BigInt(bytes.length), true);
    if (space > 0) {
      view.setBigUint64(MSG.control, base + BigInt(CMSG.start), true);
      view.setBigUint64(MSG.controllen, BigInt(space), true);
    }
  }

  static toSend(
    bytes: Uint8Array<ArrayBuffer>,
    descriptors: readonly number[],
  ): Message {
    const message = new Message(bytes, descriptors.length);
    if (descriptors.length === 0) return message;
    const view = message.#view;
    const length = CMSG_HEADER + 4 * descriptors.length;
    view.setBigUint64(CMSG.start, BigInt(length), true);
    view.setInt32(CMSG.level, SOL_SOCKET, true);
    view.setInt32(CMSG.type, SCM_RIGHTS, true);
    for (const [index, number] of descriptors.entries()) {
      view.setInt32(CMSG.data + 4 * index, number, true);
    }
    return message;
  }

  /** The received descriptors, which are now open in this process. */
  get descriptors(): number[] {
    const view = this.#view;
    const controlled = Number(view.getBigUint64(MSG.controllen, true));
    if (controlled < CMSG_HEADER) return [];
    const isRights = view.getInt32(CMSG.level, true) === SOL_SOCKET &&
      view.getInt32(CMSG.type, true) === SCM_RIGHTS;
    if (!isRights) return [];
    const length = Number(view.getBigUint64(CMSG.start, true)) - CMSG_HEADER;
    return Array.from(
      { length: Math.floor(length / 4) },
      (_, index) => view.getInt32(CMSG.data + 4 * index, true),
    );
  }

  /** Whether descriptors were lost because there was no room. */
  get truncated(): boolean {
    return (this.#view.getInt32(MSG.flags, true) & MSG_CTRUNC) !== 0;
  }
}
