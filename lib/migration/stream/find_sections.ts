/**
 * Ends of sections that nothing describes. A section has no length; but its
 * footer repeats its id, and after it a record begins, or the stream ends:
 *
 * ```
 * 04 id name instance version  payload ?  7e id  04 …        the next section
 *                                                08 00 0b …  a command
 *                                                00          EOF
 * ```
 *
 * Bytes inside a payload that look like all of that by chance are not to be
 * feared; a guest that puts them there on purpose only fools who reads on.
 *
 * @module
 */

import { Source, StreamError } from "../../stream/mod.ts";
import { Command, RecordType } from "./constants.ts";
import { readSectionHeader, type SectionHeader } from "./framing.ts";

/** Type byte and section id. */
export const FOOTER_SIZE = 5;
/** What stands in idstr: paths of buses and names, in printable ASCII. */
const IDSTR = /^[ -~]+$/;

/** A section that was found by its footer. */
export interface FoundSection extends SectionHeader {
  /** Offset of the type byte. */
  readonly offset: number;
  readonly payload: Uint8Array;
}

/**
 * Where the payload of a section ends that begins at `start`.
 *
 * @param started ids of sections of which parts may follow
 * @returns undefined where no footer of it is found
 */
export function findSectionEnd(
  stream: Uint8Array,
  start: number,
  sectionId: number,
  started: ReadonlyMap<number, unknown>,
): number | undefined {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const last = stream.length - FOOTER_SIZE;
  for (let at = start;; at++) {
    at = stream.indexOf(RecordType.SECTION_FOOTER, at);
    if (at < 0 || at > last) return undefined;
    const isEnd = view.getUint32(at + 1) === sectionId &&
      beginsRecord(stream, at + FOOTER_SIZE, started);
    if (isEnd) return at;
  }
}

/** FULL sections that follow each other. */
export interface FoundSections {
  readonly sections: readonly FoundSection[];
  /** Offset after the last one. */
  readonly end: number;
  /** Whether EOF stands there. */
  readonly isWhole: boolean;
}

/** The FULL sections from an offset on, found by their footers. */
export function findSections(
  stream: Uint8Array,
  start: number,
): FoundSections {
  const sections: FoundSection[] = [];
  let at = start;
  while (stream[at] === RecordType.SECTION_FULL) {
    const header = headerAt(stream, at);
    if (header === undefined) break;
    const { payloadAt, ...rest } = header;
    const end = findSectionEnd(stream, payloadAt, rest.sectionId, new Map());
    if (end === undefined) break;
    const payload = stream.subarray(payloadAt, end);
    sections.push({ ...rest, offset: at, payload });
    at = end + FOOTER_SIZE;
  }
  return { sections, end: at, isWhole: stream[at] === RecordType.EOF };
}

/** Where a stream ends that was cut among its devices, or after them. */
export function whereItWasCut(
  stream: Uint8Array,
  start: number,
): { problem: string; section?: string; instance?: number } {
  const { end, isWhole } = findSections(stream, start);
  if (isWhole) return { problem: cutVmdesc(stream, end + 1) };
  const header = stream[end] === RecordType.SECTION_FULL
    ? headerAt(stream, end)
    : undefined;
  if (header === undefined) {
    const isSection = stream[end] === RecordType.SECTION_FULL;
    return {
      problem: isSection || end === stream.length
        ? `the stream ends where a section begins, at ${end}`
        : `no section begins at ${end}`,
    };
  }
  return {
    problem: "the stream ends here, or its footer is missing",
    section: header.idstr,
    instance: header.instanceId,
  };
}

/** What is wrong with the vmdesc after EOF. */
function cutVmdesc(stream: Uint8Array, at: number): string {
  const source = new Source(stream);
  source.seek(at);
  if (source.peek() !== RecordType.VMDESCRIPTION || source.remaining < 5) {
    return `the stream ends in its vmdesc at ${at}`;
  }
  source.skip(1);
  const size = source.u32();
  return source.remaining < size
    ? `vmdesc has ${size} bytes, of which the stream has ${source.remaining}`
    : `vmdesc at ${at} is no JSON object`;
}

function beginsRecord(
  stream: Uint8Array,
  at: number,
  started: ReadonlyMap<number, unknown>,
): boolean {
  const source = new Source(stream);
  if (at === stream.length) return true;
  switch (stream[at]) {
    case RecordType.EOF:
      return at + 1 === stream.length ||
        stream[at + 1] === RecordType.VMDESCRIPTION;
    case RecordType.SECTION_START:
    case RecordType.SECTION_FULL:
      return headerAt(stream, at) !== undefined;
    case RecordType.SECTION_PART:
    case RecordType.SECTION_END:
      source.seek(at + 1);
      return source.remaining >= 4 && started.has(source.u32());
    case RecordType.COMMAND: {
      source.seek(at + 1);
      const command = source.remaining >= 2 ? source.u16() : 0;
      return command >= Command.OPEN_RETURN_PATH &&
        command <= Command.SWITCHOVER_START;
    }
    default:
      return false;
  }
}

/** The header after a type byte, if it can be one. */
function headerAt(
  stream: Uint8Array,
  at: number,
): (SectionHeader & { payloadAt: number }) | undefined {
  const source = new Source(stream);
  source.seek(at + 1);
  try {
    const header = readSectionHeader(source);
    return IDSTR.test(header.idstr)
      ? { ...header, payloadAt: source.offset }
      : undefined;
  } catch (error) {
    // The bytes end, or are no text: it is no header.
    if (error instanceof StreamError) return undefined;
    throw error;
  }
}
