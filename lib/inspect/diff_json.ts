/**
 * A difference for programs; values as in an inspection.
 *
 * ```
 * {schema, old, new, same, configuration: [FIELD…],
 *  sections: [{name, instance_id, change, fields: [FIELD…]}],
 *  ram: {blocks: [{name, change, old: BLOCK | null, new: BLOCK | null,
 *                  differing_pages: n | null, only_old_pages: n | null,
 *                  only_new_pages: n | null}]}}
 * FIELD = {path, change, old?, new?}      change: added, removed, changed
 * BLOCK = {size, pages, zero_pages, sent_bytes, address?}
 * ```
 *
 * Of pages, what they are in the end is compared; null says that they cannot
 * be. BLOCK counts records.
 *
 * @module
 */

import type { RamBlockStatistics } from "../migration/stream/mod.ts";
import { type Difference, type FieldDifference, isSame } from "./diff.ts";
import type { BlockDifference } from "./diff_ram.ts";
import { scalarJson } from "./json.ts";
import { JsonText } from "./json_text.ts";

/** Version of these documents. */
const DIFF_SCHEMA = 1;

/** Writes a difference as one JSON document. */
export function writeDiffJson(
  difference: Difference,
  files: { readonly old: string; readonly new: string },
  write: (text: string) => void,
): void {
  const json = new JsonText(write);
  json.open("{");
  json.member("schema", DIFF_SCHEMA);
  json.member("old", files.old);
  json.member("new", files.new);
  json.member("same", isSame(difference));
  json.key("configuration");
  writeFields(json, difference.configuration);
  json.key("sections");
  json.open("[");
  for (const { name, instanceId, change, fields } of difference.sections) {
    json.open("{");
    json.member("name", name);
    json.member("instance_id", instanceId);
    json.member("change", change);
    json.key("fields");
    writeFields(json, fields);
    json.close("}");
  }
  json.close("]");
  json.key("ram");
  json.open("{");
  json.key("blocks");
  json.open("[");
  for (const block of difference.ram) writeBlock(json, block);
  json.close("]");
  json.close("}");
  json.close("}");
  json.end();
}

function writeFields(json: JsonText, fields: readonly FieldDifference[]) {
  json.open("[");
  for (const { path, old, new: now } of fields) {
    json.open("{");
    json.member("path", path);
    json.member("change", changeOf(old, now));
    if (old !== undefined) {
      json.key("old");
      json.raw(scalarJson(old.type, old.value));
    }
    if (now !== undefined) {
      json.key("new");
      json.raw(scalarJson(now.type, now.value));
    }
    json.close("}");
  }
  json.close("]");
}

function writeBlock(json: JsonText, block: BlockDifference): void {
  json.open("{");
  json.member("name", block.name);
  json.member("change", changeOf(block.old, block.new));
  writeStatistics(json, "old", block.old);
  writeStatistics(json, "new", block.new);
  json.member("differing_pages", block.pages?.changed ?? null);
  json.member("only_old_pages", block.pages?.onlyOld ?? null);
  json.member("only_new_pages", block.pages?.onlyNew ?? null);
  json.close("}");
}

function writeStatistics(
  json: JsonText,
  name: string,
  block: RamBlockStatistics | undefined,
): void {
  if (block === undefined) return json.member(name, null);
  json.key(name);
  json.open("{");
  json.member("size", block.size);
  json.member("pages", block.pages);
  json.member("zero_pages", block.zeroPages);
  json.member("sent_bytes", block.sentBytes);
  if (block.address !== undefined) {
    json.member("address", String(block.address));
  }
  json.close("}");
}

function changeOf(old: unknown, now: unknown): string {
  return old === undefined
    ? "added"
    : now === undefined
    ? "removed"
    : "changed";
}
