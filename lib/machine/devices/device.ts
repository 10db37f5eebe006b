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

/** A device with deadlines. */
export interface TimedDevice {
  /** Guest time of its next deadline; null if there is none. */
  nextDeadline(): bigint | null;
}
