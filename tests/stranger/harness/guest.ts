/** A VM of the host: its process, and what its guest counts in RAM. */

import { assert, assertEquals } from "@std/assert";
import { QmpClient } from "../../../lib/qmp/mod.ts";
import { GuestRam } from "../../../testing/qemu/guest_ram.ts";

const TIMEOUT_MS = 60_000;

/** What a guest has that no update may change. */
interface Seen {
  readonly inode: number | null;
  readonly boots: number;
}

/** A guest, found by its monitor. */
export class Guest {
  readonly #socket: string;
  readonly #before: Seen;

  private constructor(socket: string, before: Seen) {
    this.#socket = socket;
    this.#before = before;
  }

  /** Waits until it counts. */
  static async at(socket: string): Promise<Guest> {
    return new Guest(socket, await look(socket));
  }

  /** Asserts that it is the same guest, has not booted again, and counts. */
  async assertLivesOn(): Promise<void> {
    assertEquals(await look(this.#socket), this.#before);
  }

  /** What its process executes; "(deleted)" follows what a package replaced. */
  async executable(): Promise<string> {
    return await Deno.readLink(`/proc/${await pidOf(this.#socket)}/exe`);
  }

  /** The process, outside of the host. */
  async pid(): Promise<number> {
    return await pidOf(this.#socket);
  }
}

async function look(socket: string): Promise<Seen> {
  using ram = GuestRam.open(await pidOf(socket));
  await ram.counterMoves(TIMEOUT_MS);
  return { inode: ram.inode, boots: ram.boots() };
}

async function pidOf(path: string): Promise<number> {
  await using qmp = await QmpClient.connectAgain({ path }, {
    timeoutMs: TIMEOUT_MS,
  });
  const pid = qmp.peer?.pid;
  assert(pid !== undefined);
  return pid;
}
