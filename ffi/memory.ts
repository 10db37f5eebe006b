/**
 * Texts in the form that C reads.
 *
 * @module
 */

const encoder = new TextEncoder();

/**
 * The text in UTF-8 with a terminating NUL.
 *
 * @throws {TypeError} when the text itself has a NUL: C would see only the part
 * before it.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(
      `Cannot pass ${JSON.stringify(text)} to the system: it contains a NUL`,
    );
  }
  return encoder.encode(`${text}\0`);
}

/**
 * A `char *[]` with a terminating null pointer, as argv and environ are. The
 * texts lie behind the pointers in the same buffer, so that whoever holds the
 * result holds them all.
 *
 * @throws {TypeError} when one of the texts has a NUL.
 */
export function cStringVector(
  texts: readonly string[],
): BigUint64Array<ArrayBuffer> {
  const strings = texts.map(cString);
  const pointerBytes = (strings.length + 1) * BigUint64Array.BYTES_PER_ELEMENT;
  const textBytes = strings.reduce((sum, string) => sum + string.length, 0);
  const block = new Uint8Array(pointerBytes + textBytes);
  const pointers = new BigUint64Array(block.buffer, 0, strings.length + 1);
  const base = addressOf(block);
  let offset = pointerBytes;
  for (const [index, string] of strings.entries()) {
    block.set(string, offset);
    pointers[index] = base + BigInt(offset);
    offset += string.length;
  }
  return pointers;
}

/** Where the first byte of a buffer lies; valid as long as the buffer is held. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

/**
 * Bytes that a foreign function may be given: not those of a SharedArrayBuffer.
 *
 * @throws {TypeError} for those.
 */
export function foreignBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isUnshared(bytes)) return bytes;
  throw new TypeError("Cannot pass shared memory to the system: copy it first");
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
