/** The part of @std/streams that is used here. */

/** Splits text into lines; a last one without a line feed is one, too. */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: { readonly allowCR?: boolean });
}

/** All text of a stream of texts, or of bytes in UTF-8. */
export function toText(
  stream: ReadableStream<string> | ReadableStream<Uint8Array>,
): Promise<string>;

/** All bytes of a stream. */
export function toBytes(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>>;
