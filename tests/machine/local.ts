import { assertEquals } from "@std/assert";
import type { CprIncoming } from "../../lib/machine/cpr_incoming.ts";
import { Machine } from "../../lib/machine/machine.ts";
import { MainLoop } from "../../lib/machine/main_loop.ts";
import { parseMachineOptions } from "../../lib/machine/options.ts";
import { DEADLINE_MS, RAM } from "../../testing/machine/mod.ts";
import { until } from "../../testing/program/until.ts";

/** A machine in this process. */
export class Local implements Disposable {
  readonly #loop = new MainLoop();
  readonly machine: Machine;

  constructor(more: readonly string[] = [], transfer?: CprIncoming) {
    this.machine = new Machine(parseMachineOptions([...RAM, ...more]), {
      loop: this.#loop,
      serial: () => {},
      onEvent: () => {},
      warn: () => {},
      die: () => {},
      flush: () => Promise.resolve(),
      preserved: transfer?.registry,
      onListening: () => transfer?.hangUp(),
    });
    this.machine.launch();
  }

  get ram(): Uint8Array[] {
    return this.machine.ramBlocks().map(({ bytes }) => bytes);
  }

  /** Waits until the guest has handled more ticks. */
  async ticks(): Promise<void> {
    const status = () => this.machine.board.guestStatus();
    const { ticks } = status();
    await until(
      "the guest ticks",
      DEADLINE_MS,
      () => status().ticks > ticks + 2,
    );
    assertEquals(status().error, 0);
  }

  [Symbol.dispose](): void {
    this.machine.stop("shutdown");
    for (const block of this.machine.ramBlocks()) block[Symbol.dispose]();
    this.#loop[Symbol.dispose]();
  }
}
