/** Ways to damage bytes. */

/** Two alterations of a byte: of its lowest bit, and of all. */
export const MASKS = [0x01, 0xff] as const;

/** A copy with one byte altered. */
export function altered(
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  mask: number,
): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Every alteration of every byte. */
export function* alterations(
  bytes: Uint8Array<ArrayBuffer>,
): Generator<{ at: number; mask: number; damaged: Uint8Array<ArrayBuffer> }> {
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of MASKS) {
      yield { at, mask, damaged: altered(bytes, at, mask) };
    }
  }
}
