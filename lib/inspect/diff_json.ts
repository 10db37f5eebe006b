/**
 * A difference as JSON; values as in an inspection.
 *
 * ```
 * {schema, old, new, same, configuration: [FIELD…],
 *  sections: [{name, instance_id, change, fields: [FIELD…]}],
 *  ram: {blocks: [{name, change, old: BLOCK | null, new: BLOCK | null,
 *                  differing_pages: n | null, only_old_pages: n | null,
 *                  only_new_pages: n | null,
 *                  first_differing: [offset…] | null}]}}
 * FIELD = {path, change, old?, new?}      change: added, removed, changed
 * BLOCK = {size, pages, zero_pages, sent_bytes, address?}
 * ```
 *
 * Pages are compared by their final content; null if that is not possible.
 * BLOCK counts records.
 *
 * @module
 */

import type { RamBlockStatistics } from "../migration/stream/mod.ts";
import { type Difference, type FieldDifference, isSame } from "./diff.ts";
import { valueJson } from "./json.ts";
import { type Json, writeJsonText } from "./json_text.ts";
import type { Leaf } from "./members.ts";

/** Version of these documents. */
const DIFF_SCHEMA = 1;

/** Writes a difference as one JSON document. */
export function writeDiffJson(
  difference: Difference,
  files: { readonly old: string; readonly new: string },
  write: (text: string) => void,
): void {
  const { configuration, sections, ram } = difference;
  writeJsonText({
    schema: DIFF_SCHEMA,
    old: files.old,
    new: files.new,
    same: isSame(difference),
    configuration: configuration.map(fieldJson),
    sections: sections.values().map((section) => ({
      name: section.name,
      instance_id: section.instanceId,
      change: section.change,
      fields: section.fields.values().map(fieldJson),
    })),
    ram: {
      blocks: ram.map(({ name, old, new: now, pages }) => ({
        name,
        change: kindOfChange(old, now),
        old: blockJson(old),
        new: blockJson(now),
        differing_pages: pages?.changed ?? null,
        only_old_pages: pages?.onlyOld ?? null,
        only_new_pages: pages?.onlyNew ?? null,
        first_differing: pages?.firstChanged ?? null,
      })),
    },
  }, write);
}

function fieldJson({ path, old, new: now }: FieldDifference): Json {
  return {
    path,
    change: kindOfChange(old, now),
    old: old && leafJson(old),
    new: now && leafJson(now),
  };
}

function leafJson({ type, value }: Leaf): Json {
  return valueJson(type, value);
}

function blockJson(block: RamBlockStatistics | undefined): Json {
  if (block === undefined) return null;
  const { size, pages, zeroPages, sentBytes, address } = block;
  return {
    size,
    pages,
    zero_pages: zeroPages,
    sent_bytes: sentBytes,
    address,
  };
}

/** How one of two values differs from the other; undefined is not there. */
export function kindOfChange(
  old: unknown,
  now: unknown,
): "added" | "removed" | "changed" {
  return old === undefined
    ? "added"
    : now === undefined
    ? "removed"
    : "changed";
}
