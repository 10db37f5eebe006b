/**
 * The names in a folder, one after the other. The runtime lists a whole folder
 * at once, however many entries another user made in it.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { check, libc } from "./libc.ts";

const CHUNK_BYTES = 32 * 1024;
/** struct linux_dirent64 { u64 ino; s64 off; u16 reclen; u8 type; char name[]; } */
const LENGTH_AT = 16;
const NAME_AT = 19;

/**
 * Lists a folder from where its descriptor is, which is the beginning at first.
 *
 * @throws {OsError} ENOTDIR; ENOENT when the folder was removed
 */
export function* namesIn(folder: Fd): Generator<string> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const view = new DataView(chunk.buffer);
  const decoder = new TextDecoder();
  for (;;) {
    const length = check(
      Number(libc().getdents64(folder.number, chunk, BigInt(chunk.length))),
      "getdents64",
    );
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
