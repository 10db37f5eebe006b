/**
 * Strings and buffers for C.
 *
 * @module
 */

const encoder = new TextEncoder();

/**
 * The text in UTF-8 with a terminating NUL.
 *
 * @throws {TypeError} when the text itself has a NUL: C would read only the
 * part before it.
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
 * A `char *[]` with a terminating null pointer, such as argv and environ. The
 * texts are in the same buffer, so that they live as long as the result.
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

/** The address of a buffer; valid as long as the buffer is alive. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

/**
 * Bytes that can be passed to a foreign function.
 *
 * @throws {TypeError} for those of a SharedArrayBuffer.
 */
export function foreignBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isUnshared(bytes)) return bytes;
  throw new TypeError("Cannot pass shared memory to the system: copy it first");
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
