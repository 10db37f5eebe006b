/**
 * The proof that nothing was skipped: a stream is written again from what was
 * decoded, and is the same.
 *
 * @module
 */

import { encodeCprState, transferredDescriptors } from "../cpr/mod.ts";
import { encodeParts } from "../migration/stream/mod.ts";
import { InspectError } from "./error.ts";
import type { Input } from "./input.ts";
import type { Inspection, StreamInspection } from "./inspection.ts";

/** What was seen to be the same. */
export interface Verdict {
  /** Bytes that were compared. */
  readonly bytes: number;
  /** Those of them of which only the place is known, not the meaning. */
  readonly notUnderstood: number;
}

/**
 * Encodes what an inspection decoded and compares it with the input.
 *
 * @param progress told how many bytes were compared
 * @throws {MigrationStreamError} when the stream cannot be read to its end
 * @throws {InspectError} when a byte is not as it was
 */
export function verify(
  inspection: Inspection,
  input: Input,
  progress: (offset: number) => void = () => {},
): Verdict {
  if (inspection.format === "cpr-state") {
    const { state, transferred } = inspection;
    const bytes = transferred
      ? encodeCprState(state, transferredDescriptors(() => 0))
      : encodeCprState(state);
    compare([bytes], input, progress);
    return { bytes: input.bytes.length, notUnderstood: 0 };
  }
  if (inspection.problem !== undefined) throw inspection.problem;
  compare(encodeParts(inspection.decoded), input, progress);
  return {
    bytes: input.bytes.length,
    notUnderstood: notUnderstood(inspection),
  };
}

function compare(
  parts: Iterable<Uint8Array>,
  input: Input,
  progress: (offset: number) => void,
): void {
  let at = 0;
  for (const part of parts) {
    const end = at + part.length;
    // Guest pages that encode to themselves need no look.
    const isView = part.buffer === input.bytes.buffer &&
      part.byteOffset === input.bytes.byteOffset + at;
    if (end > input.bytes.length) throw different(input, input.bytes.length);
    if (!isView) {
      const expected = input.bytes.subarray(at, end);
      for (let index = 0; index < part.length; index++) {
        if (part[index] !== expected[index]) throw different(input, at + index);
      }
      input.passed(end);
    }
    at = end;
    progress(at);
  }
  if (at < input.bytes.length) throw different(input, at);
}

function different({ name }: Input, offset: number): InspectError {
  return new InspectError(
    "not-identical",
    `Cannot verify "${name}": byte ${offset} is encoded to another one`,
  );
}

function notUnderstood(
  { sections, undescribed, decoded }: StreamInspection,
): number {
  const opaque = decoded.records.reduce(
    (sum, record) => sum + (record.type === "opaque" ? record.size : 0),
    0,
  );
  const undecoded = sections.reduce(
    (sum, { state }) => sum + (state instanceof Uint8Array ? state.length : 0),
    0,
  );
  return opaque + undecoded + (undescribed?.size ?? 0) +
    decoded.trailing.length;
}
