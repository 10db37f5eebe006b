import {
  type DecodedStream,
  encodeParts,
} from "../../lib/migration/stream/mod.ts";

/**
 * Encodes a decoded stream from its values, to the same bytes. Only guest pages
 * are copied from the decoded stream.
 *
 * @throws {TypeError | RangeError} when a value was changed to one that its
 * field cannot hold
 */
export function encodeStream(decoded: DecodedStream): Uint8Array<ArrayBuffer> {
  const parts = [...encodeParts(decoded)];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const stream = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}
