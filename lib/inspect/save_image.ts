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
const SAVE_IMAGE_HEADER = 92;

const MAGICS = ["LibvirtQemudSave", "LibvirtQemudPart"];
const MAGIC_SIZE = 16;
const VERSIONS = [1, 2];
/** Whether the first bytes are those of a header. */
export function mayBeSaveImage(magic: Uint8Array): boolean {
  const begin = String.fromCharCode(...magic);
  return MAGICS.some((magic) => magic.startsWith(begin));
}

/**
 * The offset of the stream in such a file; undefined if it is another one, or of
 * an unknown version. How the stream is compressed is seen by its first bytes.
 */
export function streamOfSaveImage(bytes: Uint8Array): number | undefined {
  if (bytes.length < SAVE_IMAGE_HEADER) return undefined;
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC_SIZE));
  if (!MAGICS.includes(magic)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, SAVE_IMAGE_HEADER);
  const isLittle = VERSIONS.includes(view.getUint32(16, true));
  if (!isLittle && !VERSIONS.includes(view.getUint32(16))) return undefined;
  return SAVE_IMAGE_HEADER + view.getUint32(20, isLittle);
}
