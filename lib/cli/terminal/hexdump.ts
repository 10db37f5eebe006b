/** Bytes as hexdump(1) shows them with -C. @module */

const ROW = 16;
const OFFSET_DIGITS = 8;

/**
 * Rows of 16 bytes, as hex and as text. A run of equal rows is one, and a "*".
 *
 * @param start the offset of the first byte
 */
export function* hexdump(bytes: Uint8Array, start: number): Generator<string> {
  let before = "";
  let isRepeated = false;
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    const hex = row.toHex();
    const isLast = at + ROW >= bytes.length;
    if (hex === before && !isLast) {
      if (!isRepeated) yield "*";
      isRepeated = true;
      continue;
    }
    before = hex;
    isRepeated = false;
    const offset = (start + at).toString(16).padStart(OFFSET_DIGITS, "0");
    const columns = hex.replaceAll(/(.{2})(?=.)/g, "$1 ").padEnd(3 * ROW - 1);
    const text = String.fromCharCode(...row).replaceAll(/[^ -~]/g, ".");
    yield `${offset}  ${columns}  |${text}|`;
  }
}
