/** Shows that a guest is the one that it was. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { GUEST, markerBytes } from "./guest.ts";
import type { GuestRam } from "./guest_ram.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

/** Far from the guest, and from where the firmware keeps its tables. */
const SECRET = { address: 32 << 20, bytes: 65_536 };
const COUNTS_WITHIN_MS = 10_000;

/** What a guest had before something was done to its machine. */
export class Witness {
  readonly #vm: VirtualMachine;
  readonly #secret: Uint8Array;
  readonly #inode: number;
  readonly #counter: number;
  readonly #boots: number;
  readonly #disk: Uint8Array;

  /** Leaves something in guest RAM that nobody can write again by chance. */
  constructor(vm: VirtualMachine) {
    this.#vm = vm;
    this.#secret = crypto.getRandomValues(new Uint8Array(SECRET.bytes));
    this.#disk = Deno.readFileSync(vm.files.disk);
    using ram = vm.ram();
    ram.write(SECRET.address, this.#secret);
    this.#inode = ram.inode;
    this.#counter = ram.counter();
    this.#boots = ram.boots();
  }

  /**
   * Asserts that the guest has its RAM and disk and goes on counting from
   * where it was.
   */
  async assertLivesOn(): Promise<void> {
    using ram = this.#vm.ram();
    this.#assertWhole(ram);
    await ram.counterMoves(COUNTS_WITHIN_MS);
  }

  /** Asserts that the guest has its RAM and disk and stands still. */
  async assertStandsStill(): Promise<void> {
    using ram = this.#vm.ram();
    this.#assertWhole(ram);
    const before = ram.counter();
    await this.#vm.runState(); // gives a guest that runs the time to count
    assertEquals(ram.counter(), before);
  }

  #assertWhole(ram: GuestRam): void {
    const { marker } = GUEST;
    assertEquals(ram.inode, this.#inode, "The guest's RAM is another");
    assertEquals(ram.read(marker.address, marker.words * 2), markerBytes());
    assert(
      equalBytes(ram.read(SECRET.address, SECRET.bytes), this.#secret),
      "The guest's RAM has changed",
    );
    assertEquals(ram.boots(), this.#boots, "The guest was reset");
    assertGreaterOrEqual(ram.counter(), this.#counter);
    assert(
      equalBytes(Deno.readFileSync(this.#vm.files.disk), this.#disk),
      "The guest's disk has changed",
    );
  }
}

/** Faster than an assertion that could show every byte. */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
