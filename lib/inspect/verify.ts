/**
 * Verifies that decoding was complete: encoding the decoded stream gives the
 * same bytes.
 *
 * @module
 */

import { encodeCprState, transferredDescriptors } from "../cpr/state.ts";
import { type DecodedValue, isStruct } from "../migration/stream/decoded.ts";
import { encodeParts } from "../migration/stream/encode.ts";
import { RAM_SECTION } from "../migration/stream/framing.ts";
import { hasUnknownParts } from "../migration/stream/wire_types.ts";
import { InspectError } from "./error.ts";
import type { Input } from "./input.ts";
import type { Inspection, StreamInspection } from "./inspection.ts";

/** The result of a verification. */
export interface Verdict {
  /** Bytes that were compared. */
  readonly bytes: number;
  /** Those of them that were not decoded. */
  readonly notUnderstood: number;
  /** The sections that have such bytes. */
  readonly places: readonly NotUnderstood[];
}

/** Bytes of a section that were not decoded. */
export interface NotUnderstood {
  readonly section: string;
  readonly instance: number;
  readonly bytes: number;
}

/**
 * Encodes the decoded stream and compares it with the input.
 *
 * @param progress called with the number of bytes that were compared
 * @throws {MigrationStreamError} when the stream is damaged
 * @throws {InspectError} when a byte differs
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
    return { bytes: input.bytes.length, notUnderstood: 0, places: [] };
  }
  if (inspection.problem !== undefined) throw inspection.problem;
  compare(encodeParts(inspection.decoded), input, progress);
  const places = placesOf(inspection);
  return {
    bytes: input.bytes.length,
    notUnderstood: elsewhere(inspection) + sumOf(places),
    places,
  };
}

/** Bytes between two looks at what is passed. */
const PASSED_STEP = 8 * 1024 * 1024;

function compare(
  parts: Iterable<Uint8Array>,
  input: Input,
  progress: (offset: number) => void,
): void {
  let at = 0;
  let nextPassed = PASSED_STEP;
  for (const part of parts) {
    const end = at + part.length;
    // Guest pages are views of the input: nothing to compare.
    const isView = part.buffer === input.bytes.buffer &&
      part.byteOffset === input.bytes.byteOffset + at;
    if (end > input.bytes.length) throw different(input, input.bytes.length);
    if (!isView) {
      const expected = input.bytes.subarray(at, end);
      for (let index = 0; index < part.length; index++) {
        if (part[index] !== expected[index]) throw different(input, at + index);
      }
    }
    at = end;
    if (at < nextPassed) continue;
    nextPassed = at + PASSED_STEP;
    input.passed(at);
    progress(at);
  }
  if (at < input.bytes.length) throw different(input, at);
}

function different({ name }: Input, offset: number): InspectError {
  return new InspectError(
    "not-identical",
    `Cannot verify "${name}": byte ${offset} is encoded differently`,
  );
}

/** Bytes that are not understood, and are in no section. */
function elsewhere(
  { undescribed, decoded }: StreamInspection,
): number {
  let bytes = (undescribed?.size ?? 0) + decoded.trailing.length;
  for (const record of decoded.records) {
    if (record.type !== "command") continue;
    bytes += (record.package?.rest ?? record.packaged)?.length ?? 0;
  }
  return bytes;
}

/** The sections with bytes that are not understood, in stream order. */
function placesOf({ sections }: StreamInspection): NotUnderstood[] {
  return sections.flatMap(({ name: section, instanceId, state, size }) => {
    const bytes = state !== undefined
      ? unknownIn("", state)
      : section === RAM_SECTION.name
      ? 0
      : size;
    return bytes > 0 ? [{ section, instance: instanceId, bytes }] : [];
  });
}

function sumOf(places: readonly NotUnderstood[]): number {
  return places.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Bytes of a value that are not described. */
function unknownIn(type: string, value: DecodedValue): number {
  if (value instanceof Uint8Array) {
    return hasUnknownParts(type) ? value.length : 0;
  }
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, each) => sum + unknownIn(type, each), 0);
  }
  if (!isStruct(value)) return 0;
  let bytes = 0;
  for (const { type, value: inner } of value.fields) {
    bytes += unknownIn(type, inner);
  }
  for (const sub of value.subsections) bytes += unknownIn("", sub);
  return bytes;
}
