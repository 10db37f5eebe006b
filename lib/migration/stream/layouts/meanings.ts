/**
 * What the numbers of layouts mean: names of bits, and of values. A field's
 * type has the name of the meaning behind its colon.
 *
 * @module
 */

import { partsOf } from "../wire_types.ts";
import { type Numbered, numbered } from "./numbered.ts";
import { PCI_VENDORS, pciClass } from "./pci_names.ts";
import { featureName } from "./virtio_names.ts";

/** What a number means. */
export type Meaning =
  /** Names of the bits that are set; `bit 7` for one without. */
  | { readonly kind: "flags"; readonly names: readonly string[] }
  /** The name of the value. */
  | { readonly kind: "name"; readonly name: string }
  /** A register or an address: it is read in hex. */
  | { readonly kind: "hex" };

/** Names of bits. */
const FLAGS: ReadonlyMap<string, Numbered> = new Map([
  [
    "virtio status",
    numbered(`
      0 ACKNOWLEDGE, 1 DRIVER, 2 DRIVER_OK, 3 FEATURES_OK, 6 DEVICE_NEEDS_RESET,
      7 FAILED
    `),
  ],
  ["virtio isr", numbered("0 QUEUE, 1 CONFIG")],
  ["virtio net status", numbered("0 LINK_UP, 1 ANNOUNCE")],
  [
    "pci command",
    numbered(`
      0 I/O, 1 memory, 2 bus master, 3 special cycles, 4 MWI, 5 VGA snoop,
      6 parity, 8 SERR, 9 fast back-to-back, 10 INTx off
    `),
  ],
  [
    "pci status",
    numbered(`
      3 interrupt, 4 capabilities, 5 66 MHz, 7 fast back-to-back,
      8 parity error, 9 medium DEVSEL, 10 slow DEVSEL,
      11 signalled target abort, 12 target abort, 13 master abort,
      14 system error, 15 detected parity error
    `),
  ],
  [
    "pci bridge control",
    numbered(`
      0 parity, 1 SERR, 2 ISA, 3 VGA, 4 VGA 16-bit, 5 master abort, 6 bus reset
    `),
  ],
  ["msix control", numbered("14 masked, 15 enabled")],
  ["msix vector", numbered("0 masked")],
  ["msi control", numbered("0 enabled, 7 64-bit, 8 per-vector masks")],
]);

const FEATURES = /^virtio (\S+) features$/;

function featuresOf(meaning: string): Numbered | undefined {
  const name = FEATURES.exec(meaning)?.[1];
  return name === undefined ? undefined : featureName(name);
}

/** Bits of a register that are a number, not flags. */
const NUMBER_BITS: Readonly<Record<string, bigint>> = {
  "msix control": 0x7ffn,
  "msi control": 0x7en,
};

/** Names of values. */
const NAMES: ReadonlyMap<string, Numbered> = new Map([
  ["virtio vector", numbered("0xffff none")],
  ["virtio endian", numbered("1 little, 2 big")],
  [
    "virtio capability",
    numbered(`
      1 common, 2 notify, 3 isr, 4 device, 5 pci, 8 shared memory, 9 vendor
    `),
  ],
  ["pci vendor", PCI_VENDORS],
  ["pci class", pciClass],
  ["pci header", headerText],
]);

const HEADERS = ["device", "bridge", "CardBus bridge"];
const SEVERAL_FUNCTIONS = 0x80;

function headerText(value: number): string | undefined {
  const name = HEADERS[value & ~SEVERAL_FUNCTIONS];
  return name !== undefined && (value & SEVERAL_FUNCTIONS) !== 0
    ? `${name}, several functions`
    : name;
}

/** What the type of a BAR is: its low bits. */
function barText(value: bigint): string | undefined {
  if (value === 0n) return undefined;
  if ((value & 1n) === 1n) return "I/O";
  const width = (value & 6n) === 4n ? "64-bit" : "32-bit";
  return `memory, ${width}${(value & 8n) === 8n ? ", prefetchable" : ""}`;
}

/** What a number of a type means; undefined for a plain number. */
export function meaningOf(
  type: string,
  value: number | bigint,
): Meaning | undefined {
  const { meaning } = partsOf(type);
  if (meaning === undefined) return undefined;
  const bits = FLAGS.get(meaning) ?? featuresOf(meaning);
  if (bits !== undefined) {
    const numbers = NUMBER_BITS[meaning] ?? 0n;
    return { kind: "flags", names: flagsOf(bits, BigInt(value) & ~numbers) };
  }
  const name = nameOf(meaning, value);
  return name === undefined ? { kind: "hex" } : { kind: "name", name };
}

function nameOf(meaning: string, value: number | bigint): string | undefined {
  if (meaning === "pci bar") return barText(BigInt(value));
  return NAMES.get(meaning)?.(Number(value));
}

function flagsOf(bits: Numbered, value: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0, left = value; left > 0n; bit++, left >>= 1n) {
    if ((left & 1n) === 1n) names.push(bits(bit) ?? `bit ${bit}`);
  }
  return names;
}
