import { RecordType } from "./constants.ts";
import { PAGE_BITS } from "./ram_block.ts";

/** Type byte and length. */
const HEADER = 5;
/** Braces around the shortest JSON object. */
const SHORTEST = 2;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Where a vmdesc record stands. */
export interface VmdescPlace {
  /** Offset of the type byte. */
  readonly offset: number;
  readonly text: Uint8Array;
}

/**
 * Looks for the vmdesc record from the end of a stream backwards: a section
 * has no length, so that nothing else leads to it. One that ends where the
 * stream ends is taken first, then the last one of all.
 *
 * @param start the first offset that it can have; bounds the search
 */
export function findVmdesc(
  stream: Uint8Array,
  start: number,
): VmdescPlace | undefined {
  let inside: VmdescPlace | undefined;
  // Guest memory before it may be a sparse file of any size.
  const searched = stream.subarray(start);
  // JSON text never holds the type byte: a candidate is not inside another.
  let at = stream.length - HEADER - SHORTEST;
  while (at > start) {
    at = start + searched.lastIndexOf(RecordType.VMDESCRIPTION, at - start);
    if (at <= start) break;
    const place = placeAt(stream, at);
    if (place !== undefined) {
      if (at + HEADER + place.text.length === stream.length) return place;
      inside ??= place;
    }
    at--;
  }
  return inside;
}

/** Far more than there is: guest memory before it is not looked through. */
const LARGEST = 16 * 1024 * 1024;
/** Only the configuration, which is small, stands before the page size. */
const BEFORE_DEVICES = 4096;
/** Takes any byte; what is looked for is ASCII. */
const latin1 = new TextDecoder("latin1");

/**
 * The page size that the vmdesc at the very end of a stream gives, with nothing
 * else of it read yet; undefined where it gives none that can be.
 *
 * @param start the first offset that it can have
 */
export function findPageSize(
  stream: Uint8Array,
  start: number,
): number | undefined {
  const place = findVmdesc(stream, Math.max(start, stream.length - LARGEST));
  if (place === undefined) return undefined;
  const { offset, text } = place;
  if (offset + HEADER + text.length !== stream.length) return undefined;
  const begin = latin1.decode(text.subarray(0, BEFORE_DEVICES));
  const bits = Math.log2(
    Number(/"page_size"\s{0,8}:\s{0,8}(\d{1,6})\s{0,8}[,}]/.exec(begin)?.[1]),
  );
  const isOne = PAGE_BITS.least <= bits && bits <= PAGE_BITS.most;
  return isOne && Number.isInteger(bits) ? 2 ** bits : undefined;
}

/** The cheap signs first: hostile bytes may be full of candidates. */
function placeAt(stream: Uint8Array, at: number): VmdescPlace | undefined {
  const begin = at + HEADER;
  if (stream[at - 1] !== RecordType.EOF || stream[begin] !== OPEN) {
    return undefined;
  }
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const end = begin + view.getUint32(at + 1);
  const isPlace = end - begin >= SHORTEST && end <= stream.length &&
    stream[end - 1] === CLOSE;
  return isPlace
    ? { offset: at, text: stream.subarray(begin, end) }
    : undefined;
}
