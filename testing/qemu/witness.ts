/** Shows that a guest is the one that it was. */

import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { GUEST, markerBytes } from "./guest.ts";
import type { GuestRam } from "./guest_ram.ts";

/**
 * From here on nobody writes to guest RAM while nothing but this guest runs.
 * Below are the guest itself and the page with KVM's clock, which a host
 * writes whenever it starts the guest.
 */
const STILL = 1 << 20;
/** Without it the still part would be zero but for the firmware's tables. */
const SECRET = { address: 32 << 20, bytes: 65_536 };
/** Where the firmware clears memory: a reset shows here, and stays to be seen. */
export const LOW_SECRET = { address: 0xa000, bytes: 16 };
const COUNTS_WITHIN_MS = 10_000;

/** A machine as far as a witness looks at it. */
export interface Witnessed {
  /** Guest RAM as its process has it now. */
  ram(): GuestRam;
  readonly files: { readonly disk: string };
}

/** What a guest had before something was done to its machine. */
interface Testimony {
  readonly still: string;
  readonly disk: string;
  readonly inode: number | null;
  readonly counter: number;
  readonly boots: number;
  readonly low: Uint8Array;
}

/** Compares a guest with what it was. */
export class Witness {
  readonly #vm: Witnessed;
  readonly #before: Testimony;

  private constructor(vm: Witnessed, before: Testimony) {
    this.#vm = vm;
    this.#before = before;
  }

  /** Puts a secret into guest RAM and remembers what the guest has. */
  static async of(vm: Witnessed): Promise<Witness> {
    using ram = vm.ram();
    ram.write(
      SECRET.address,
      crypto.getRandomValues(new Uint8Array(SECRET.bytes)),
    );
    const low = crypto.getRandomValues(new Uint8Array(LOW_SECRET.bytes));
    ram.write(LOW_SECRET.address, low);
    return new Witness(vm, {
      low,
      still: await sha256(ram.read(STILL, ram.size - STILL)),
      disk: await sha256(await Deno.readFile(vm.files.disk)),
      inode: ram.inode,
      counter: ram.counter(),
      boots: ram.boots(),
    });
  }

  /** Asserts that the guest is whole and goes on counting from where it was. */
  async assertLivesOn(): Promise<void> {
    using ram = this.#vm.ram();
    await this.#assertWhole(ram);
    await ram.counterMoves(COUNTS_WITHIN_MS);
  }

  /** Asserts that the guest is whole and stands where it stood. */
  async assertStandsStill(): Promise<void> {
    using ram = this.#vm.ram();
    await this.#assertWhole(ram);
    assertEquals(ram.counter(), this.#before.counter, "The guest ran");
  }

  async #assertWhole(ram: GuestRam): Promise<void> {
    const before = this.#before;
    if (before.inode !== null) {
      assertEquals(ram.inode, before.inode, "The guest's RAM is another");
    }
    assertEquals(
      await sha256(ram.read(STILL, ram.size - STILL)),
      before.still,
      "The guest's RAM has changed",
    );
    const { address, words } = GUEST.marker;
    assertEquals(ram.read(address, words * 2), markerBytes());
    assertEquals(ram.boots(), before.boots, "The guest was reset");
    const { address: at, bytes } = LOW_SECRET;
    assertEquals(ram.read(at, bytes), before.low, "The guest was reset");
    assertGreaterOrEqual(ram.counter(), before.counter);
    assertEquals(
      await sha256(await Deno.readFile(this.#vm.files.disk)),
      before.disk,
      "The guest's disk has changed",
    );
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
