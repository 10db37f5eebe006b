/**
 * Inspects a state file, in either of QEMU's two formats.
 *
 * @module
 */

import {
  type CprState,
  decodeCprState,
  transferredDescriptors,
} from "../cpr/state.ts";
import { decodeStreamUpToProblem } from "../migration/stream/decode.ts";
import type {
  DecodedStream,
  DecodedStruct,
  Package,
} from "../migration/stream/decoded.ts";
import type { MigrationStreamError } from "../migration/stream/error.ts";
import {
  type RamBlockStatistics,
  ramStatistics,
} from "../migration/stream/ram_statistics.ts";
import { StreamError } from "../stream/error.ts";
import { VmstateError } from "../vmstate/error.ts";
import { InspectError } from "./error.ts";
import { formatOf, LARGEST_CPR_STATE, strange } from "./format.ts";
import type { Input } from "./input.ts";

/** The result of an inspection. */
export type Inspection = StreamInspection | CprStateInspection;

interface Inspected {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/** A migration stream. */
export interface StreamInspection extends Inspected {
  readonly format: "migration-stream";
  readonly decoded: DecodedStream;
  /** In stream order; those in parts once, at their start. */
  readonly sections: readonly InspectedSection[];
  readonly ram: readonly RamBlockStatistics[];
  /** For postcopy: the payloads of PACKAGED commands, in stream order. */
  readonly packages: readonly Package[];
  /** The rest of the stream, if it could not be decoded. */
  readonly undescribed: { offset: number; size: number } | undefined;
  /** Why it could not be read further. */
  readonly problem: MigrationStreamError | undefined;
}

/** A section and its decoded state. */
export interface InspectedSection {
  readonly name: string;
  readonly instanceId: number;
  readonly sectionId: number;
  readonly version: number;
  /** Of the type byte. */
  readonly offset: number;
  /** Payload bytes of all its parts. */
  readonly size: number;
  /** Bytes if it is not described; undefined for RAM and similar sections. */
  readonly state: DecodedStruct | Uint8Array | undefined;
}

/** CPR state: the descriptors that are preserved over the exec. */
export interface CprStateInspection extends Inspected {
  readonly format: "cpr-state";
  readonly state: CprState;
  /** True for cpr-transfer: descriptors were sent beside it, not as numbers. */
  readonly transferred: boolean;
}

/** More than in a migration of four hours; each takes memory. */
const MOST_RECORDS = 300_000;

/**
 * Inspects a migration stream or CPR state. For a damaged stream the result has
 * everything before the problem, and the problem.
 *
 * @param progress called with the number of bytes that are done
 * @throws {InspectError} when it is neither
 * @throws {StreamError} when CPR state is malformed
 */
export function inspect(
  input: Input,
  progress: (offset: number) => void = () => {},
): Inspection {
  const format = formatOf(input.bytes);
  if (format === undefined) {
    throw strange(input.name, input.bytes, input.start);
  }
  if (format === "cpr-state") return inspectCprState(input);
  const { decoded, problem } = decodeStreamUpToProblem(input.bytes, {
    file: input.name,
    fileOffset: input.start ?? 0,
    maximumRecords: MOST_RECORDS,
    layouts: true,
    passed: (offset) => {
      input.passed(offset);
      progress(offset);
    },
  });
  const { opaqueTail } = decoded;
  const { records } = decoded;
  const packages = records.flatMap((record) =>
    record.type === "command" ? record.package ?? [] : []
  );
  return {
    format: "migration-stream",
    file: input.name,
    size: input.bytes.length,
    decoded,
    sections: [
      ...sectionsOf(decoded),
      ...packages.flatMap(({ records }) =>
        records.filter((record) => record.type === "full")
      ),
    ],
    packages,
    ram: ramStatistics(decoded),
    undescribed: opaqueTail === undefined
      ? undefined
      : { offset: opaqueTail.offset, size: opaqueTail.bytes.length },
    problem,
  };
}

/** A section in parts is listed once, with the sum of its parts. */
function sectionsOf({ records }: DecodedStream): InspectedSection[] {
  const sections: InspectedSection[] = [];
  const begun = new Map<number, { size: number }>();
  for (const record of records) {
    if (record.type === "command") continue;
    const before = record.type === "full"
      ? undefined
      : begun.get(record.sectionId);
    if (before !== undefined) {
      before.size += record.size;
      continue;
    }
    const state = record.type === "full" ? record.state : undefined;
    const section = { ...record, state };
    sections.push(section);
    if (record.type !== "full") begun.set(record.sectionId, section);
  }
  return sections;
}

function inspectCprState({ name: file, bytes }: Input): CprStateInspection {
  const common = { format: "cpr-state", file, size: bytes.length } as const;
  if (bytes.length > LARGEST_CPR_STATE) {
    throw new InspectError(
      "too-long",
      `Cannot inspect "${file}": ${bytes.length} bytes are too large for CPR ` +
        "state",
    );
  }
  try {
    return { ...common, state: decodeCprState(bytes), transferred: false };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    const state = decodeTransferred(bytes);
    if (state === undefined) throw malformed(file, error);
    return { ...common, state, transferred: true };
  }
}

function malformed(file: string, error: StreamError): StreamError {
  const { offset, code } = error;
  const what = error instanceof VmstateError
    ? `CPR state is malformed at offset ${offset}: field ` +
      `"${error.location.field}": ${error.problem}`
    : error.message;
  return new StreamError(`Cannot inspect "${file}": ${what}`, offset, { code });
}

/** The number of a descriptor without a number. */
const NO_NUMBER = -1;

function decodeTransferred(bytes: Uint8Array): CprState | undefined {
  try {
    return decodeCprState(bytes, transferredDescriptors(() => NO_NUMBER));
  } catch (error) {
    // Not cpr-transfer either: the first error is reported.
    if (error instanceof StreamError) return undefined;
    throw error;
  }
}
