/**
 * An inspection for programs.
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
 * pointer as null. A struct is an object in wire order; its subsections come
 * after its fields, each under its own name. RAM and other sections that come
 * in parts have no fields. Only where there is something to say, there are
 * also `undescribed` {offset, size}, `error` {message, section, instance,
 * field, offset}, `xbzrle_pages`, `compressed_pages` and `address` of a block,
 * `verified` {bytes, not_understood} and `extracted` [{block, path, size,
 * written}].
 *
 * Where there is nothing to inspect, the document is {schema, file, error}.
 *
 * vmdesc does not tell an array of one element from a plain field: both are
 * written as the value alone.
 *
 * @module
 */

import type { CprctlError } from "../errors.ts";
import { inertJson } from "../inert.ts";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  isStruct,
  MigrationStreamError,
  type StreamLocation,
} from "../migration/stream/mod.ts";
import { StreamError } from "../stream/mod.ts";
import type { ExtractedBlock } from "./extract_ram.ts";
import type {
  CprStateInspection,
  InspectedSection,
  Inspection,
  StreamInspection,
} from "./inspection.ts";
import { JsonText } from "./json_text.ts";
import type { Scalar } from "./leaves.ts";
import { type Member, membersOf, opaqueField } from "./members.ts";
import { uuidText } from "./uuid_text.ts";
import type { Verdict } from "./verify.ts";

/** What was done beside looking. */
export interface WorkDone {
  readonly verdict?: Verdict;
  readonly extracted?: readonly ExtractedBlock[];
  /** Why no more was done. */
  readonly failure?: CprctlError;
}

/** Version of these documents. */
const INSPECT_SCHEMA = 1;

/**
 * Writes an inspection as one JSON document.
 *
 * @param sections those to write
 * @param write takes the text in pieces
 */
export function writeJson(
  inspection: Inspection,
  sections: readonly InspectedSection[],
  write: (text: string) => void,
  done: WorkDone = {},
): void {
  const json = new JsonText(write);
  json.open("{");
  json.member("schema", INSPECT_SCHEMA);
  json.member("file", inspection.file);
  json.member("size", inspection.size);
  json.member("format", inspection.format);
  if (inspection.format === "cpr-state") writeCprState(json, inspection);
  else writeStream(json, inspection, sections);
  writeWorkDone(json, done);
  const problem = inspection.format === "migration-stream"
    ? inspection.problem
    : undefined;
  const error = problem ?? done.failure;
  if (error !== undefined) writeError(json, error);
  json.close("}");
  json.end();
}

/** Writes why there is no inspection as one JSON document. */
export function writeErrorJson(
  file: string,
  error: CprctlError,
  write: (text: string) => void,
): void {
  const json = new JsonText(write);
  json.open("{");
  json.member("schema", INSPECT_SCHEMA);
  json.member("file", file);
  writeError(json, error);
  json.close("}");
  json.end();
}

function writeStream(
  json: JsonText,
  inspection: StreamInspection,
  sections: readonly InspectedSection[],
): void {
  const { configuration, layout } = inspection.decoded;
  json.member("machine", configuration?.machine ?? null);
  json.member("page_size", layout.pageSize);
  writeConfiguration(json, inspection);
  json.key("sections");
  json.open("[");
  for (const section of sections) writeSection(json, section);
  json.close("]");
  writeRam(json, inspection);
  const { undescribed } = inspection;
  if (undescribed !== undefined) {
    json.key("undescribed");
    json.open("{");
    json.member("offset", undescribed.offset);
    json.member("size", undescribed.size);
    json.close("}");
  }
}

function writeConfiguration(
  json: JsonText,
  { decoded: { configuration } }: StreamInspection,
): void {
  if (configuration === undefined) return json.member("configuration", null);
  const { machine, capabilities = [], targetPageBits, uuid } = configuration;
  json.key("configuration");
  json.open("{");
  json.member("machine", machine);
  json.key("capabilities");
  json.raw(listText(capabilities.map((name) => inertJson(name))));
  json.member("target_page_bits", targetPageBits ?? null);
  json.member("uuid", uuid === undefined ? null : uuidText(uuid));
  json.close("}");
}

function writeSection(json: JsonText, section: InspectedSection): void {
  const { state } = section;
  json.open("{");
  json.member("name", section.name);
  json.member("instance_id", section.instanceId);
  json.member("section_id", section.sectionId);
  json.member("version", section.version);
  json.member("offset", section.offset);
  json.member("size", section.size);
  if (state instanceof Uint8Array) {
    writeFields(json, [{ key: "data", field: opaqueField(state, 0) }]);
    writeSubsections(json, []);
  } else if (state === undefined) writeSubsections(json, []);
  else writeBody(json, state);
  json.close("}");
}

function writeBody(json: JsonText, struct: DecodedStruct): void {
  writeFields(json, membersOf(struct).fields);
  writeSubsections(json, struct.subsections);
}

function writeFields(json: JsonText, fields: readonly Member[]): void {
  json.key("fields");
  json.open("{");
  for (const { key, field } of fields) writeField(json, key, field);
  json.close("}");
}

function writeSubsections(
  json: JsonText,
  subsections: readonly DecodedStruct[],
): void {
  json.key("subsections");
  json.open("[");
  for (const sub of subsections) {
    json.open("{");
    json.member("name", sub.vmsd);
    json.member("version", sub.version);
    writeBody(json, sub);
    json.close("}");
  }
  json.close("]");
}

function writeField(json: JsonText, key: string, field: DecodedField): void {
  json.key(key);
  writeValue(json, field.type, field.value);
}

function writeValue(json: JsonText, type: string, value: DecodedValue): void {
  if (isStruct(value)) writeStruct(json, value);
  else if (value instanceof Uint8Array) json.hex(value);
  else if (!Array.isArray(value)) json.raw(scalarJson(type, value));
  else if (type !== "bool" && areNumbers(value)) json.raw(listText(value));
  else if (value.some(isStructOrList)) {
    json.open("[");
    for (const each of value) writeValue(json, type, each);
    json.close("]");
  } else {
    const texts = value.map((each) =>
      isStructOrList(each) ? "" : scalarJson(type, each)
    );
    json.raw(listText(texts));
  }
}

/** Tables have thousands of elements: no text is made of each then. */
function areNumbers(values: readonly DecodedValue[]): boolean {
  for (const value of values) if (typeof value !== "number") return false;
  return true;
}

function writeStruct(json: JsonText, struct: DecodedStruct): void {
  const { fields, subsections } = membersOf(struct);
  json.open("{");
  for (const { key, field } of fields) writeField(json, key, field);
  for (const { key, struct: sub } of subsections) {
    json.key(key);
    writeStruct(json, sub);
  }
  json.close("}");
}

function isStructOrList(
  value: DecodedValue,
): value is DecodedStruct | DecodedValue[] {
  return Array.isArray(value) || isStruct(value);
}

/** A value that has no parts, as JSON. */
export function scalarJson(type: string, value: Scalar): string {
  if (typeof value === "bigint") return `"${value}"`;
  if (typeof value === "string") return inertJson(value);
  if (value instanceof Uint8Array) return `"${value.toHex()}"`;
  // QEMU takes any byte but 0 for true.
  return type === "bool" ? String(Boolean(value)) : String(value);
}

function listText(elements: readonly DecodedValue[]): string {
  return `[${elements.join(", ")}]`;
}

function writeRam(json: JsonText, { ram }: StreamInspection): void {
  json.key("ram");
  json.open("{");
  json.key("blocks");
  json.open("[");
  for (const block of ram) {
    json.open("{");
    json.member("name", block.name);
    json.member("size", block.size);
    json.member("pages", block.pages);
    json.member("zero_pages", block.zeroPages);
    const { xbzrlePages, compressedPages, address } = block;
    if (xbzrlePages > 0) json.member("xbzrle_pages", xbzrlePages);
    if (compressedPages > 0) json.member("compressed_pages", compressedPages);
    json.member("sent_bytes", block.sentBytes);
    if (address !== undefined) json.member("address", String(address));
    json.close("}");
  }
  json.close("]");
  json.close("}");
}

function writeError(json: JsonText, error: CprctlError): void {
  const { section, instance, field }: Partial<StreamLocation> =
    error instanceof MigrationStreamError ? error.location : {};
  json.key("error");
  json.open("{");
  json.member("message", error.message);
  json.member("section", section ?? null);
  json.member("instance", instance ?? null);
  json.member("field", field ?? null);
  json.member("offset", error instanceof StreamError ? error.offset : null);
  json.close("}");
}

function writeCprState(json: JsonText, inspection: CprStateInspection): void {
  const { descriptors, vfioDevices } = inspection.state;
  json.key("descriptors");
  json.open("[");
  for (const { name, id, descriptor } of descriptors) {
    json.open("{");
    json.member("name", name);
    json.member("id", id);
    json.member("descriptor", inspection.transferred ? null : descriptor);
    json.close("}");
  }
  json.close("]");
  json.key("vfio_devices");
  if (vfioDevices === undefined) return json.raw("null");
  json.open("[");
  for (const { name, deviceId, ioasId, hwptId } of vfioDevices) {
    json.open("{");
    json.member("name", name);
    json.member("device_id", deviceId);
    json.member("ioas_id", ioasId);
    json.member("hwpt_id", hwptId);
    json.close("}");
  }
  json.close("]");
}

function writeWorkDone(
  json: JsonText,
  { verdict, extracted }: WorkDone,
): void {
  if (verdict !== undefined) {
    json.key("verified");
    json.open("{");
    json.member("bytes", verdict.bytes);
    json.member("not_understood", verdict.notUnderstood);
    json.close("}");
  }
  if (extracted === undefined) return;
  json.key("extracted");
  json.open("[");
  for (const { block, path, size, written } of extracted) {
    json.open("{");
    json.member("block", block);
    json.member("path", path);
    json.member("size", size);
    json.member("written", written);
    json.close("}");
  }
  json.close("]");
}
