/**
 * The run state that was saved with a VM, section "globalstate": what it truly
 * was when it stopped, whatever the monitor had said before.
 *
 * @module
 */

import type { DecodedRecord } from "../../migration/mod.ts";
import { canBeLoaded } from "../vm/run_state.ts";

/** be32 size of the text with its NUL, then the text. */
const SIZE_BYTES = 4;
const SUBSTITUTE = "paused";

/** What was saved, and what a program makes of it. */
export interface SavedRunState {
  /** Such as "running"; what was saved. */
  readonly saved: string;
  /** True where it was another, which no program loads. */
  readonly replaced: boolean;
}

/**
 * Finds the run state; one that makes QEMU end as it loads it, such as that of
 * a VM at a debugger's breakpoint, is replaced by "paused" in the bytes.
 *
 * @returns undefined where there is none
 */
export function settleRunState(
  bytes: Uint8Array<ArrayBuffer>,
  records: readonly DecodedRecord[],
): SavedRunState | undefined {
  const place = findText(records);
  if (place === undefined) return undefined;
  const text = bytes.subarray(place.offset, place.offset + place.size);
  const end = text.indexOf(0);
  if (end <= 0) return undefined;
  const saved = new TextDecoder().decode(text.subarray(0, end));
  if (canBeLoaded(saved)) return { saved, replaced: false };
  new DataView(bytes.buffer, bytes.byteOffset)
    .setUint32(place.offset - SIZE_BYTES, SUBSTITUTE.length + 1);
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
