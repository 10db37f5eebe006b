/**
 * What is in a state file, whichever of QEMU's two formats it has.
 *
 * @module
 */

import {
  type CprState,
  decodeCprState,
  transferredDescriptors,
} from "../cpr/mod.ts";
import {
  type DecodedStream,
  type DecodedStruct,
  decodeStreamUpToProblem,
  type MigrationStreamError,
  openPackage,
  type Package,
  type RamBlockStatistics,
  ramStatistics,
} from "../migration/stream/mod.ts";
import { StreamError } from "../stream/mod.ts";
import { VmstateError } from "../vmstate/mod.ts";
import { InspectError } from "./error.ts";
import { formatOf, LARGEST_CPR_STATE, strange } from "./format.ts";
import type { Input } from "./input.ts";

/** What was found. */
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
  /** In stream order; those that come in parts once, where they begin. */
  readonly sections: readonly InspectedSection[];
  readonly ram: readonly RamBlockStatistics[];
  /** Of postcopy: what each PACKAGED command carries, in stream order. */
  readonly packages: readonly Package[];
  /** What nothing describes and nothing could be found in. */
  readonly undescribed: { offset: number; size: number } | undefined;
  /** Why it could not be read further. */
  readonly problem: MigrationStreamError | undefined;
}

/** A section and what is known of its inside. */
export interface InspectedSection {
  readonly name: string;
  readonly instanceId: number;
  readonly sectionId: number;
  readonly version: number;
  /** Of the type byte. */
  readonly offset: number;
  /** Payload bytes, of all its parts. */
  readonly size: number;
  /** Bytes where nothing is described; undefined for RAM and the like. */
  readonly state: DecodedStruct | Uint8Array | undefined;
}

/** CPR state: the descriptors that go over from one QEMU to the next. */
export interface CprStateInspection extends Inspected {
  readonly format: "cpr-state";
  readonly state: CprState;
  /** True of cpr-transfer: descriptors travelled beside it, not as numbers. */
  readonly transferred: boolean;
}

/** A migration of half a day has not as many; each takes memory. */
const MOST_RECORDS = 1_000_000;

/**
 * Looks into a migration stream or CPR state. Where a stream cannot be read to
 * its end, all before the problem is in the result, beside the problem.
 *
 * @param progress told how many bytes have been passed
 * @throws {InspectError} when it is neither
 * @throws {StreamError} when CPR state is malformed
 */
export function inspect(
  input: Input,
  progress: (offset: number) => void = () => {},
): Inspection {
  const format = formatOf(input.bytes);
  if (format === undefined) throw strange(input.name, input.bytes);
  if (format === "cpr-state") return inspectCprState(input);
  const { decoded, problem } = decodeStreamUpToProblem(input.bytes, {
    file: input.name,
    fileOffset: input.start ?? 0,
    maximumRecords: MOST_RECORDS,
    passed: (offset) => {
      input.passed(offset);
      progress(offset);
    },
  });
  const { opaqueTail } = decoded;
  const packages = packagesOf(decoded);
  return {
    format: "migration-stream",
    file: input.name,
    size: input.bytes.length,
    decoded,
    sections: [
      ...sectionsOf(decoded),
      ...packages.flatMap(({ sections }) => sections),
    ],
    packages,
    ram: ramStatistics(decoded),
    undescribed: opaqueTail === undefined
      ? undefined
      : { offset: opaqueTail.offset, size: opaqueTail.bytes.length },
    problem,
  };
}

function packagesOf({ input, records, hasFooters }: DecodedStream): Package[] {
  if (!hasFooters) return [];
  return records.flatMap((record) => {
    if (record.type !== "command" || record.packaged === undefined) return [];
    const { byteOffset, length } = record.packaged;
    return [openPackage(input, byteOffset - input.byteOffset, length)];
  });
}

/** A section that comes in parts is listed once, with what they add up to. */
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
      `Cannot inspect "${file}": ${bytes.length} bytes are too many for CPR ` +
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

/** What a descriptor's number is where it has none. */
const NO_NUMBER = -1;

function decodeTransferred(bytes: Uint8Array): CprState | undefined {
  try {
    return decodeCprState(bytes, transferredDescriptors(() => NO_NUMBER));
  } catch (error) {
    // Then it is no state of cpr-transfer either; the first error says why.
    if (error instanceof StreamError) return undefined;
    throw error;
  }
}
