/**
 * Finds the end of a section without a description. A section has no length,
 * but its footer repeats its id, and after it a record begins, or the stream
 * ends:
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

import { Source, StreamError } from "../../stream/mod.ts";
import { Command, RecordType } from "./constants.ts";
import { readSectionHeader } from "./framing.ts";

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
  const last = stream.length - FOOTER_SIZE;
  for (let at = start;; at++) {
    at = stream.indexOf(RecordType.SECTION_FOOTER, at);
    if (at < 0 || at > last) return undefined;
    const isEnd = view.getUint32(at + 1) === sectionId &&
      beginsRecord(stream, at + FOOTER_SIZE, started);
    if (isEnd) return at;
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
