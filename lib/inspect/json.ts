/**
 * An inspection as JSON.
 *
 * ```
 * {schema, file, size, format: "migration-stream", machine, page_size,
 *  configuration: {machine, capabilities, target_page_bits, uuid} | null,
 *  sections: [{name, instance_id, section_id, version, offset, size,
 *              fields: {…}, subsections: [{name, version, fields,
 *                                          subsections}]}],
 *  ram: {blocks: [{name, size, pages, zero_pages, sent_bytes}]}}
 * {schema, file, size, format: "cpr-state",
 *  descriptors: [{name, id, descriptor}], vfio_devices: […] | null}
 * ```
 *
 * A value is written by its wire type: booleans, integers up to 32 bits as
 * numbers, 64-bit ones as decimal strings, bytes as lower-case hex, a null
 * pointer as null. A register or a set of flags is {value, name} or {value,
 * names}. A struct is an object in wire order; its subsections come
 * after its fields, each under its own name. RAM and other sections in parts
 * have no fields. Only if they apply, there are also `undescribed` {offset,
 * size}, `error` {message, section, instance,
 * field, offset}, `not_decoded` [{field, reason}] of a section, `xbzrle_pages`, `compressed_pages` and `address` of a block,
 * `verified` {bytes, not_understood, not_understood_in: [{section, instance,
 * bytes}]} and `extracted` [{block, path, size,
 * written}].
 *
 * If the inspection fails, the document is {schema, file, error}.
 *
 * vmdesc does not distinguish an array of one element from a plain field: both
 * are written as the value itself.
 *
 * @module
 */

import type { CprctlError } from "../errors.ts";
import { uuidText } from "../migration/stream/configuration.ts";
import {
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "../migration/stream/decoded.ts";
import {
  MigrationStreamError,
  type StreamLocation,
} from "../migration/stream/error.ts";
import { meaningOf } from "../migration/stream/layouts/meanings.ts";
import { StreamError } from "../stream/error.ts";
import type { ExtractedBlock } from "./extract_ram.ts";
import type {
  CprStateInspection,
  InspectedSection,
  Inspection,
  StreamInspection,
} from "./inspection.ts";
import { type Json, writeJsonText } from "./json_text.ts";
import { type Member, membersOf, reasonsOf, type Scalar } from "./members.ts";
import type { FieldChange } from "./set_field.ts";
import type { Verdict } from "./verify.ts";

/** Further actions of the command. */
export interface WorkDone {
  readonly verdict?: Verdict;
  readonly extracted?: readonly ExtractedBlock[];
  /** A copy that was written to a file; not in JSON. */
  readonly changed?: { readonly field: FieldChange; readonly path: string };
  /** The error that ended them. */
  readonly failure?: CprctlError;
}

/** Version of these documents. */
const INSPECT_SCHEMA = 1;

/**
 * Writes an inspection as one JSON document.
 *
 * @param sections the sections to write
 * @param write receives the text in pieces
 */
export function writeJson(
  inspection: Inspection,
  sections: readonly InspectedSection[],
  write: (text: string) => void,
  { verdict, extracted, failure }: WorkDone = {},
): void {
  const { file, size, format } = inspection;
  const isStream = format === "migration-stream";
  const error = (isStream ? inspection.problem : undefined) ?? failure;
  writeJsonText({
    schema: INSPECT_SCHEMA,
    file,
    size,
    format,
    ...isStream ? streamJson(inspection, sections) : cprStateJson(inspection),
    verified: verdict && {
      bytes: verdict.bytes,
      not_understood: verdict.notUnderstood,
      not_understood_in: verdict.places.map((place) => ({ ...place })),
    },
    extracted: extracted?.map(({ block, path, size, written }) => ({
      block,
      path,
      size,
      written,
    })),
    error: error && errorJson(error),
  }, write);
}

/** Writes the error of a failed inspection as one JSON document. */
export function writeErrorJson(
  file: string,
  error: CprctlError,
  write: (text: string) => void,
): void {
  const document = { schema: INSPECT_SCHEMA, file, error: errorJson(error) };
  writeJsonText(document, write);
}

function errorJson(error: CprctlError): Json {
  const { section, instance, field }: Partial<StreamLocation> =
    error instanceof MigrationStreamError ? error.location : {};
  return {
    message: error.message,
    section: section ?? null,
    instance: instance ?? null,
    field: field ?? null,
    offset: error instanceof StreamError ? error.offset : null,
  };
}

function streamJson(
  { decoded, ram, undescribed }: StreamInspection,
  sections: readonly InspectedSection[],
) {
  const { configuration, layout } = decoded;
  return {
    machine: configuration?.machine ?? null,
    page_size: layout.pageSize,
    configuration: configuration === undefined ? null : {
      machine: configuration.machine,
      capabilities: configuration.capabilities ?? [],
      target_page_bits: configuration.targetPageBits ?? null,
      uuid: configuration.uuid === undefined
        ? null
        : uuidText(configuration.uuid),
    },
    sections: sections.values().map(sectionJson),
    ram: {
      blocks: ram.map(({ name, size, pages, address, ...block }) => ({
        name,
        size,
        pages,
        zero_pages: block.zeroPages,
        xbzrle_pages: block.xbzrlePages || undefined,
        compressed_pages: block.compressedPages || undefined,
        sent_bytes: block.sentBytes,
        address,
      })),
    },
    undescribed,
  };
}

function sectionJson(section: InspectedSection): Json {
  const { name, instanceId, sectionId, version, offset, size, state } = section;
  return {
    name,
    instance_id: instanceId,
    section_id: sectionId,
    version,
    offset,
    size,
    ...state instanceof Uint8Array
      ? { fields: { data: state }, subsections: [] }
      : state === undefined
      ? { subsections: [] }
      : bodyJson(state),
    not_decoded: notDecodedJson(section),
  };
}

function notDecodedJson(section: InspectedSection): Json[] | undefined {
  const reasons = [...reasonsOf(section)];
  return reasons.length === 0
    ? undefined
    : reasons.map(([field, reason]) => ({ field, reason }));
}

function bodyJson(struct: DecodedStruct): { readonly [key: string]: Json } {
  return {
    fields: fieldsJson(membersOf(struct).fields),
    subsections: struct.subsections.map((sub) => ({
      name: sub.vmsd,
      version: sub.version,
      ...bodyJson(sub),
    })),
  };
}

function fieldsJson(fields: readonly Member[]): Map<string, Json> {
  const json = new Map<string, Json>();
  for (const { key, field } of fields) {
    json.set(key, valueJson(field.type, field.value));
  }
  return json;
}

/** A value of a wire type. */
export function valueJson(type: string, value: DecodedValue): Json {
  if (isStruct(value)) {
    const { fields, subsections } = membersOf(value);
    const json = fieldsJson(fields);
    for (const { key, struct } of subsections) {
      json.set(key, valueJson("", struct));
    }
    return json;
  }
  if (!Array.isArray(value)) return scalarJson(type, value);
  if (!areScalars(value)) {
    return value.values().map((each) => valueJson(type, each));
  }
  return type === "bool" ? value.map((each) => scalarJson(type, each)) : value;
}

function areScalars(values: readonly DecodedValue[]): values is Scalar[] {
  for (const each of values) {
    if (Array.isArray(each) || isStruct(each)) return false;
  }
  return true;
}

/** QEMU reads any byte but 0 as true. */
function scalarJson(type: string, value: Scalar): Json {
  if (type === "bool" && typeof value === "number") return value > 0;
  const isNumber = typeof value === "number" || typeof value === "bigint";
  const meaning = isNumber ? meaningOf(type, value) : undefined;
  if (meaning?.kind === "flags") return { value, names: meaning.names };
  return meaning?.kind === "name" ? { value, name: meaning.name } : value;
}

function cprStateJson({ state, transferred }: CprStateInspection) {
  return {
    descriptors: state.descriptors.map(({ name, id, descriptor }) => ({
      name,
      id,
      descriptor: transferred ? null : descriptor,
    })),
    vfio_devices: state.vfioDevices?.map(
      ({ name, deviceId, ioasId, hwptId }) => ({
        name,
        device_id: deviceId,
        ioas_id: ioasId,
        hwpt_id: hwptId,
      }),
    ) ?? null,
  };
}
