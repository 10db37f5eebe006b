/**
 * A cpio archive in the "newc" format, as Linux unpacks it into its first root
 * file system.
 *
 * ```
 *   "070701" 13 × 8 hexadecimal digits   name NUL, padded to 4   contents, padded to 4
 *   … "TRAILER!!!"
 * ```
 *
 * @see https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 *
 * @module
 */

/** A file, a folder or a symbolic link of the archive. */
export interface CpioEntry {
  /** Without a leading slash; folders come before what is in them. */
  readonly name: string;
  /** Type and permissions, as in st_mode. */
  readonly mode: number;
  readonly contents?: Uint8Array;
}

const FOLDER = 0o040755;
const PROGRAM = 0o100755;
const PLAIN_FILE = 0o100644;
const LINK = 0o120777;

/** A folder. */
export function folder(name: string): CpioEntry {
  return { name, mode: FOLDER };
}

/** A program that everyone may run. */
export function program(name: string, contents: Uint8Array): CpioEntry {
  return { name, mode: PROGRAM, contents };
}

/** A file that everyone may read. */
export function file(name: string, contents: Uint8Array): CpioEntry {
  return { name, mode: PLAIN_FILE, contents };
}

/** A symbolic link. */
export function link(name: string, target: string): CpioEntry {
  return { name, mode: LINK, contents: new TextEncoder().encode(target) };
}

/**
 * The bytes of an archive.
 *
 * @example
 * ```ts
 * import { cpioArchive, folder } from "./cpio.ts";
 * const bytes = cpioArchive([folder("proc")]);
 * console.log(new TextDecoder().decode(bytes.subarray(0, 6))); // 070701
 * ```
 */
export function cpioArchive(
  entries: readonly CpioEntry[],
): Uint8Array<ArrayBuffer> {
  const all = [...entries, { name: "TRAILER!!!", mode: 0 }];
  const parts = all.flatMap((entry, index) => record(entry, index + 1));
  const bytes = new Uint8Array(parts.reduce((sum, it) => sum + it.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function record(
  { name, mode, contents = new Uint8Array() }: CpioEntry,
  inode: number,
): Uint8Array[] {
  const links = 1;
  const path = new TextEncoder().encode(`${name}\0`);
  const numbers = [
    ...[inode, mode, 0, 0, links, 0, contents.length],
    ...[0, 0, 0, 0, path.length, 0],
  ];
  const header = numbers.map((it) => it.toString(16).padStart(8, "0")).join("");
  const head = new TextEncoder().encode(`070701${header}`);
  return [
    ...[head, path, padding(head.length + path.length)],
    ...[contents, padding(contents.length)],
  ];
}

/** Zeros up to the next multiple of four. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - length % 4) % 4);
}
