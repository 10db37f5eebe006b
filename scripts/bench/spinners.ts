import type { Child } from "../../ffi/child.ts";
import { spawn } from "../../ffi/spawn.ts";

/** Does nothing, as fast as it can, and ends with the bench. */
const SPIN = [
  ..."setpriv --pdeathsig KILL sh -c".split(" "),
  "while :; do :; done",
];

/**
 * Processes that take every core, each in a session of its own as a service or
 * another VM is: where the kernel shares a core between groups of processes,
 * each of them is a group.
 */
export class Spinners implements Disposable {
  readonly #children: Child[] = [];

  /** Starts so many for each core. */
  constructor(perCore: number) {
    const count = perCore * navigator.hardwareConcurrency;
    for (let at = 0; at < count; at++) {
      this.#children.push(
        spawn(SPIN, { descriptors: new Map(), newSession: true }),
      );
    }
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child[Symbol.dispose]();
  }
}
