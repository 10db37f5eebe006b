/** What stays the same when QEMU starts again. */

import { clipped } from "../../inert.ts";
import { GIVEN_NODE } from "../vm/block_devices.ts";
import { isObject, type Json } from "../../qmp/mod.ts";

/** Names such as "#block123" and "#net45", and places of devices without an id. */
const MADE_UP: readonly (readonly [RegExp, string])[] = [
  [/#([a-z]+)\d+/g, "#$1"],
  // A node whose name was made up, once it is on a command line.
  [new RegExp(`${GIVEN_NODE}[\\w.-]+`, "g"), "#block"],
  [/\bdevice\[\d+\]/g, "device[]"],
];

/** Text without the numbers that QEMU makes up at each start. */
export function lastingText(text: string): string {
  return MADE_UP.reduce((now, [from, to]) => now.replaceAll(from, to), text);
}

/** The same for every text of a value, but not for the keys of objects. */
export function lasting(value: Json): Json {
  if (typeof value === "string") return lastingText(value);
  if (Array.isArray(value)) return value.map(lasting);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, lasting(member)]),
  );
}

/** A name contains those above it, and the VM chooses how many there are. */
const LONGEST_NAME = 255;

/** Gives names to things that have none, in their order. */
export class LastingNames {
  readonly #given = new Map<string, number>();

  /** The name, with a number if it was given before. */
  give(name: string): string {
    const short = clipped(name, LONGEST_NAME);
    const number = (this.#given.get(short) ?? 0) + 1;
    this.#given.set(short, number);
    return number === 1 ? short : `${short} #${number}`;
  }
}
