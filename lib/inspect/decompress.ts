/** Decompresses what Node's zlib can: gzip and zstd. @module */

import { InspectError } from "./error.ts";
import { type Compression, unpackedBy } from "./format.ts";

/** Bytes of input and of output at once. */
const PIECE = 256 * 1024;

/**
 * Decompresses bytes piece by piece. It has no limit: the caller stops when it
 * has enough.
 *
 * @param options.name of the file, for messages
 * @param options.start of the bytes in the file, for messages
 * @param options.reader the command that reads the file decompressed from its
 * standard input, for messages
 * @throws {InspectError} when they are damaged, or have several frames of zstd
 */
export async function* decompressed(
  bytes: Uint8Array,
  { format, unpacker }: Compression & { readonly format: "gzip" | "zstd" },
  { name, start = 0, reader }: {
    readonly name: string;
    readonly start?: number | undefined;
    readonly reader?: string;
  },
): AsyncGenerator<Uint8Array> {
  // Loaded here: most files are not compressed.
  const { createGunzip, createZstdDecompress } = await import("node:zlib");
  const { Readable } = await import("node:stream");
  const decoder = format === "gzip"
    ? createGunzip({ chunkSize: PIECE })
    : createZstdDecompress({ chunkSize: PIECE });
  const failed = (why: string) =>
    new InspectError("packed", `Cannot decompress "${name}": ${why}`, {
      remedy: unpackedBy(unpacker, name, start, reader),
    });
  try {
    yield* Readable.from(piecesOf(bytes)).pipe(decoder);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw failed(error.message);
  }
  if (decoder.bytesWritten < bytes.length) {
    throw failed("another frame follows the first one");
  }
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    yield bytes.subarray(at, at + PIECE);
  }
}
