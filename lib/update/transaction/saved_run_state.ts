/**
 * The run state that was saved with a VM, in section "globalstate". It may be
 * newer than the last reply to query-status.
 *
 * @module
 */

import type { DecodedRecord } from "../../migration/mod.ts";
import { canBeLoaded } from "../vm/run_state.ts";

/** be32 size of the text with its NUL, then the text. */
const SIZE_BYTES = 4;
const SUBSTITUTE = "paused";

/** The run state that the destination will load. */
export interface SavedRunState {
  /** Such as "running". */
  readonly saved: string;
  /** Whether QEMU had saved one that cannot be loaded, which was replaced. */
  readonly replaced: boolean;
}

/**
 * Finds the run state. QEMU aborts when it loads some of them, such as "debug"
 * (a breakpoint): these are replaced by "paused" in the bytes.
 *
 * @returns undefined if there is none
 */
export function settleRunState(
  bytes: Uint8Array<ArrayBuffer>,
  records: readonly DecodedRecord[],
): SavedRunState | undefined {
  const field = findText(records);
  if (field === undefined) return undefined;
  const text = bytes.subarray(field.offset, field.offset + field.size);
  const end = text.indexOf(0);
  if (end <= 0) return undefined;
  const saved = new TextDecoder().decode(text.subarray(0, end));
  if (canBeLoaded(saved)) return { saved, replaced: false };
  new DataView(bytes.buffer, bytes.byteOffset)
    .setUint32(field.offset - SIZE_BYTES, SUBSTITUTE.length + 1);
  text.fill(0);
  new TextEncoder().encodeInto(SUBSTITUTE, text);
  return { saved: SUBSTITUTE, replaced: true };
}

function findText(records: readonly DecodedRecord[]) {
  for (const record of records) {
    if (record.type !== "full" || record.name !== "globalstate") continue;
    if (record.state instanceof Uint8Array) return undefined;
    return record.state.fields.find(({ name }) => name === "runstate");
  }
  return undefined;
}
