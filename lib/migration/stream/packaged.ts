/**
 * The payload of postcopy's PACKAGED command: the devices, which the
 * destination needs before the rest of guest memory. There is no vmdesc for
 * them, so the end of a section is found by its footer.
 *
 * ```
 * package = (command | FULL section)…          no EOF
 * ```
 *
 * @module
 */

import { StreamError } from "../../stream/mod.ts";
import type { DeviceSection } from "./decoded.ts";
import { type CommandRecord, RecordReader } from "./records.ts";

/** A package, as far as it can be decoded. */
export interface Package {
  readonly commands: readonly CommandRecord[];
  readonly sections: readonly DeviceSection[];
  /** Number of bytes that were decoded. */
  readonly read: number;
}

/**
 * Decodes a package.
 *
 * @param offset of the package in the stream
 */
export function openPackage(
  stream: Uint8Array,
  offset: number,
  size: number,
): Package {
  const bytes = stream.subarray(0, offset + size);
  const reader = new RecordReader(bytes, { start: offset });
  const commands: CommandRecord[] = [];
  const sections: DeviceSection[] = [];
  try {
    for (const record of reader) {
      if (record.type === "command") commands.push(record);
      else if (record.type === "full") {
        const state = reader.undescribed();
        reader.end();
        sections.push({ ...record, size: state.length, state });
      } else break;
    }
  } catch (error) {
    // The rest cannot be decoded.
    if (!(error instanceof StreamError)) throw error;
  }
  return { commands, sections, read: reader.offset - offset };
}
