import type { Width } from "../cpu/mod.ts";

/** What stands behind a range of physical addresses. */
export interface Device {
  /**
   * Reads at an offset that is a multiple of the width and inside the range.
   *
   * @returns undefined when there is no register of that width
   */
  read(offset: number, width: Width): number | undefined;

  /**
   * Writes; bits beyond the width mean nothing.
   *
   * @returns false when there is no register of that width
   */
  write(offset: number, width: Width, value: number): boolean;
}

/** Guest time in ns; stands still while the VM is stopped. */
export type Clock = () => bigint;

/** A device that does something by itself later on. */
export interface TimedDevice {
  /** Guest time of its next doing; null when there is none. */
  nextDeadline(): bigint | null;
}
