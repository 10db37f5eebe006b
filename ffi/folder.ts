/**
 * Lists a directory in bounded memory. The runtime reads all entries at once,
 * however many another user has created.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { call } from "./libc.ts";

const CHUNK_BYTES = 32 * 1024;
/**
 * struct linux_dirent64 { u64 ino; s64 off; u16 reclen; u8 type; char name[]; }
 */
const LENGTH_AT = 16;
const NAME_AT = 19;

/**
 * The names in a directory, from the current offset of its descriptor.
 *
 * @throws {OsError} ENOTDIR; ENOENT when the directory was removed
 */
export function* namesIn(folder: Fd): Generator<string> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const view = new DataView(chunk.buffer);
  const decoder = new TextDecoder();
  for (;;) {
    const size = BigInt(chunk.length);
    const length = call("getdents64", [folder.number, chunk, size]);
    if (length === 0) return;
    let at = 0;
    while (at < length) {
      const next = at + view.getUint16(at + LENGTH_AT, true);
      const end = chunk.indexOf(0, at + NAME_AT);
      const name = decoder.decode(chunk.subarray(at + NAME_AT, end));
      if (name !== "." && name !== "..") yield name;
      at = next;
    }
  }
}
