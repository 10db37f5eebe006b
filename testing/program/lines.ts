import { TextLineStream } from "@std/streams";

/** The lines of a stream of bytes, the last one also without a line feed. */
export function linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<string> {
  return stream.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
}
