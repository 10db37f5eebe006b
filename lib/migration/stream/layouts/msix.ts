/**
 * The state of MSI-X: a table with an entry for each vector, then a bit for
 * each vector that is pending. Little-endian.
 *
 * @module
 */

import type { LayoutReader } from "./reader.ts";

const ENTRY_SIZE = 16;
const MOST_VECTORS = 2048;

/** The number of vectors of a state; undefined if there is none of that size. */
export function vectorsIn(size: number): number | undefined {
  const vectors = Math.floor(size * 8 / (ENTRY_SIZE * 8 + 1));
  return vectors > 0 && vectors <= MOST_VECTORS && msixSize(vectors) === size
    ? vectors
    : undefined;
}

function msixSize(vectors: number): number {
  return vectors * ENTRY_SIZE + Math.ceil(vectors / 8);
}

/** Reads the state of a number of vectors into the reader's struct. */
export function readMsix(reader: LayoutReader, vectors: number): void {
  reader.structs(
    "table",
    vectors,
    (entry) =>
      entry.takeAll(
        "address le64:hex, data le32:hex, control le32:msix vector",
      ),
  );
  reader.bytes("pending_bits", Math.ceil(vectors / 8));
}
