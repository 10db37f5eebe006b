import { Fd } from "../../ffi/fd.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import { RAM_BASE } from "../../lib/machine/cpu/mod.ts";
import {
  type GuestStatus,
  readGuestStatus,
  STATUS,
  STATUS_WORD,
} from "../../lib/machine/guest/mod.ts";
import { until } from "../program/until.ts";
import { DEADLINE_MS } from "./deadline.ts";
import { memfdsOf } from "./process.ts";

/** A guest's RAM, seen from outside: it stays the same over every update. */
export class GuestRam implements Disposable {
  readonly inode: bigint;
  readonly #mapping: Mapping;

  /** Opens the memfd of a running machine. */
  constructor(pid: number) {
    const memfd = memfdsOf(pid).get("ram0");
    if (memfd === undefined) throw new Error(`No memfd "ram0" in ${pid}`);
    using file = Fd.open(`/proc/${pid}/fd/${memfd.number}`, O_RDWR);
    const { size, ino } = file.stat();
    this.inode = ino;
    this.#mapping = Mapping.map(file, {
      length: size,
      shared: true,
      writable: true,
    });
  }

  /** What the guest says of itself. */
  get status(): GuestStatus {
    return readGuestStatus(this.#mapping.bytes);
  }

  /** Of everything in it: what a test that fails can show. */
  async digest(): Promise<string> {
    const copy = this.#mapping.bytes.slice();
    return new Uint8Array(await crypto.subtle.digest("SHA-256", copy)).toHex();
  }

  /** Tells the guest how to behave. */
  set(word: "printEvery" | "busy", value: number): void {
    const view = new DataView(this.#mapping.buffer);
    view.setUint32(STATUS - RAM_BASE + STATUS_WORD[word], value, true);
  }

  /** Waits until the guest has handled more ticks. */
  async ticked(more = 1): Promise<void> {
    const wanted = this.status.ticks + more;
    await until(
      `the guest has handled ${wanted} ticks`,
      DEADLINE_MS,
      () => this.status.ticks >= wanted,
    );
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}
