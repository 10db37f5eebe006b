/**
 * The file format of `virsh save` and managed save. Integers have the byte
 * order of the host.
 *
 * ```
 *  0  "LibvirtQemudSave", or "LibvirtQemudPart" until it is finished
 * 16  u32 version, 1 or 2
 * 20  u32 length of the part after the header: XML, NUL, cookie, zeros
 * 28  u32 format: 0 raw, 1 gzip, 2 bzip2, 3 xz, 4 lzop, 5 zstd, 6 sparse
 * 92  XML, NUL, cookie, zeros
 *     the stream, compressed in this format; sparse is mapped-ram, with offsets
 *     from the start of the file
 * ```
 *
 * @module
 */

/** Bytes of the header. */
export const SAVE_IMAGE_HEADER = 92;

const MAGICS = ["LibvirtQemudSave", "LibvirtQemudPart"];
const MAGIC_SIZE = 16;
const VERSIONS = [1, 2];
const [RAW, SPARSE] = [0, 6];
/** The commands that decompress the other formats, as filters. */
const UNPACKERS: Readonly<Record<number, string>> = {
  1: "gunzip -c",
  2: "bzip2 -dc",
  3: "xz -dc",
  4: "lzop -dc",
  5: "zstd -dc",
};

/** The stream in such a file. */
export interface SaveImage {
  /** Offset of the stream. */
  readonly start: number;
  /** The command that decompresses it; undefined for a raw stream. */
  readonly unpacker: string | undefined;
}

/** Whether the first four bytes are those of a header. */
export function mayBeSaveImage(bytes: Uint8Array): boolean {
  const begin = String.fromCharCode(...bytes.subarray(0, 4));
  return MAGICS.some((magic) => magic.startsWith(begin)) && begin.length === 4;
}

/** Parses a header; undefined if it is none, or of an unknown version. */
export function saveImageOf(bytes: Uint8Array): SaveImage | undefined {
  if (bytes.length < SAVE_IMAGE_HEADER) return undefined;
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC_SIZE));
  if (!MAGICS.includes(magic)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, SAVE_IMAGE_HEADER);
  const isLittle = VERSIONS.includes(view.getUint32(16, true));
  if (!isLittle && !VERSIONS.includes(view.getUint32(16))) return undefined;
  const format = view.getUint32(28, isLittle);
  const unpacker = UNPACKERS[format];
  if (unpacker === undefined && format !== RAW && format !== SPARSE) {
    return undefined;
  }
  return { start: SAVE_IMAGE_HEADER + view.getUint32(20, isLittle), unpacker };
}
