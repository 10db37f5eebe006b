import type { Width } from "../cpu/mod.ts";

/** A device at a range of physical addresses. */
export interface Device {
  /**
   * Reads at an offset within the range, a multiple of the width.
   *
   * @returns undefined when there is no register of that width
   */
  read(offset: number, width: Width): number | undefined;

  /**
   * Writes; bits beyond the width are ignored.
   *
   * @returns false when there is no register of that width
   */
  write(offset: number, width: Width, value: number): boolean;
}

/** Guest time in ns; stops while the VM is stopped. */
export type Clock = () => bigint;

/** A device whose state is one value, as in the stream. */
export abstract class StatefulDevice<V extends object> {
  protected state: V;

  /** @param initial makes the state after reset */
  constructor(private readonly initial: () => V) {
    this.state = initial();
  }

  reset(): void {
    this.state = this.initial();
  }

  /** A copy of the state; what is due is done before. */
  snapshot(): V {
    this.nextDeadline();
    return structuredClone(this.state);
  }

  restore(state: V): void {
    this.state = structuredClone(state);
  }

  /** Guest time of its next deadline; null if there is none. */
  nextDeadline(): bigint | null {
    return null;
  }
}
