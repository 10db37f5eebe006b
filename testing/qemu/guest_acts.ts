/** What a q35 guest can do to its own machine, as the firmware set it up. */

import type { PortWrite } from "./guest_ram.ts";

/** ACPI's PM1a control register: SLP_EN, and SLP_TYP as QEMU's tables name it. */
const PM1A_CONTROL = 0x604;
const SLP_EN = 1 << 13;
const SLP_TYP_S3 = 1 << 10;
const SLP_TYP_S5 = 0 << 10;

/** Goes to sleep, until an event wakes it. */
export const SUSPENDS: PortWrite = {
  port: PM1A_CONTROL,
  value: SLP_EN | SLP_TYP_S3,
};

/** Powers the machine off. */
export const POWERS_OFF: PortWrite = {
  port: PM1A_CONTROL,
  value: SLP_EN | SLP_TYP_S5,
};

/** Resets the machine. */
export const RESETS: PortWrite = { port: 0xcf9, value: 6 };

/** Says that it panicked; needs `-device pvpanic`. */
export const PANICS: PortWrite = { port: 0x505, value: 1 };
