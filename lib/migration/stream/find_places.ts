/**
 * Finds places in a stream that is not decoded: its vmdesc, and the end of a
 * section without a description. A section has no length, but its footer
 * repeats its id, and after it a record begins, or the stream ends:
 *
 * ```
 * 04 id name instance version  payload ?  7e id  04 …        the next section
 *                                                08 00 0b …  a command
 *                                                00          EOF
 * ```
 *
 * A payload is very unlikely to contain this by chance. A guest can put it
 * there on purpose, but then only this reader gets a wrong result.
 *
 * @module
 */

import { Command, readSectionHeader, RecordType } from "./framing.ts";
import { isPageBits } from "./ram_block.ts";
import { Source, StreamError } from "../../stream/mod.ts";

/** Type byte and length. */
const HEADER = 5;
/** Braces around the shortest JSON object. */
const SHORTEST = 2;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The position of a vmdesc record. */
export interface VmdescPlace {
  /** Offset of the type byte. */
  readonly offset: number;
  readonly text: Uint8Array;
}

/** Larger than any vmdesc. */
const LARGEST = 16 * 1024 * 1024;
/** More than all devices of a VM, and little of a sparse file. */
const SEARCHED = 256 * 1024 * 1024;

/**
 * Searches for the vmdesc record, since sections have no length: the one that
 * ends with the stream, else the first one. Anything may follow a stream, such
 * as what a volume held before.
 *
 * @param start the first offset that it can have, of a device
 */
export function findVmdesc(
  stream: Uint8Array,
  start: number,
): VmdescPlace | undefined {
  return lastVmdesc(stream, start) ?? firstVmdesc(stream, start);
}

/** The vmdesc record that ends with a stream. */
function lastVmdesc(
  stream: Uint8Array,
  start: number,
): VmdescPlace | undefined {
  // Guest memory before it may be a sparse file of any size.
  const least = Math.max(start, stream.length - LARGEST);
  const searched = stream.subarray(least);
  // JSON text cannot contain the type byte: candidates do not overlap.
  let at = searched.length - HEADER - SHORTEST;
  while (at > 0) {
    at = searched.lastIndexOf(RecordType.VMDESCRIPTION, at);
    if (at <= 0) break;
    const place = placeAt(stream, least + at);
    if (place !== undefined && endOf(place) === stream.length) return place;
    at--;
  }
  return undefined;
}

function firstVmdesc(
  stream: Uint8Array,
  start: number,
): VmdescPlace | undefined {
  const searched = stream.subarray(start, start + SEARCHED);
  const last = searched.length - HEADER - SHORTEST;
  for (let at = 1;; at++) {
    at = searched.indexOf(RecordType.VMDESCRIPTION, at);
    if (at < 0 || at > last) return undefined;
    const place = placeAt(stream, start + at);
    if (place !== undefined) return place;
  }
}

function endOf({ offset, text }: VmdescPlace): number {
  return offset + HEADER + text.length;
}

/** Only the configuration, which is small, comes before the page size. */
const BEFORE_DEVICES = 4096;
/** Decodes any byte; the search is for ASCII. */
const latin1 = new TextDecoder("latin1");

/**
 * The page size in the vmdesc at the very end of a stream, without parsing the
 * rest of it; undefined if there is none, or it is not valid.
 *
 * @param start the first offset that it can have
 */
export function findPageSize(
  stream: Uint8Array,
  start: number,
): number | undefined {
  const place = lastVmdesc(stream, start);
  if (place === undefined) return undefined;
  const begin = latin1.decode(place.text.subarray(0, BEFORE_DEVICES));
  const bits = Math.log2(
    Number(/"page_size"\s{0,8}:\s{0,8}(\d{1,6})\s{0,8}[,}]/.exec(begin)?.[1]),
  );
  return isPageBits(bits) ? 2 ** bits : undefined;
}

/** Cheap checks first: hostile bytes may be full of candidates. */
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

/**
 * The longest are the storage keys of a guest of s390x, a byte for each page:
 * those of 1 TiB.
 */
const LONGEST_SECTION = 256 * 1024 * 1024;
/** Type byte and section id. */
const FOOTER_SIZE = 5;
/** idstr: bus paths and names, in printable ASCII. */
const IDSTR = /^[ -~]+$/;

/**
 * The end of the payload that begins at `start`.
 *
 * @param started ids of sections whose parts may follow
 * @returns undefined if no footer is found
 */
export function findSectionEnd(
  stream: Uint8Array,
  start: number,
  sectionId: number,
  started: ReadonlyMap<number, unknown>,
): number | undefined {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const searched = stream.subarray(start, start + LONGEST_SECTION);
  const last = searched.length - FOOTER_SIZE;
  for (let size = 0;; size++) {
    size = searched.indexOf(RecordType.SECTION_FOOTER, size);
    if (size < 0 || size > last) return undefined;
    const end = start + size;
    const isEnd = view.getUint32(end + 1) === sectionId &&
      beginsRecord(stream, end + FOOTER_SIZE, started);
    if (isEnd) return end;
  }
}

function beginsRecord(
  stream: Uint8Array,
  at: number,
  started: ReadonlyMap<number, unknown>,
): boolean {
  if (at === stream.length) return true;
  const source = new Source(stream);
  source.seek(at + 1);
  switch (stream[at]) {
    case RecordType.EOF:
      return source.remaining === 0 ||
        source.peek() === RecordType.VMDESCRIPTION;
    case RecordType.SECTION_START:
    case RecordType.SECTION_FULL:
      return beginsHeader(source);
    case RecordType.SECTION_PART:
    case RecordType.SECTION_END:
      return source.remaining >= 4 && started.has(source.u32());
    case RecordType.COMMAND: {
      const command = source.remaining >= 2 ? source.u16() : 0;
      return command >= Command.OPEN_RETURN_PATH &&
        command <= Command.SWITCHOVER_START;
    }
    default:
      return false;
  }
}

function beginsHeader(source: Source): boolean {
  try {
    return IDSTR.test(readSectionHeader(source).name);
  } catch (error) {
    // Not a valid header.
    if (error instanceof StreamError) return false;
    throw error;
  }
}
