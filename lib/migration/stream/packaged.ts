/**
 * What the PACKAGED command of postcopy carries: the devices, which the
 * destination needs whole before guest memory goes on. There is no vmdesc of
 * them, so that a section ends where its footer stands.
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

/** A package as far as it can be taken apart. */
export interface Package {
  readonly commands: readonly CommandRecord[];
  readonly sections: readonly DeviceSection[];
  /** Bytes from its start that are those. */
  readonly read: number;
}

/**
 * Takes a package apart.
 *
 * @param offset where it stands in the stream
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
    // The bytes end, or are none: what is left is not readable.
    if (!(error instanceof StreamError)) throw error;
  }
  return { commands, sections, read: reader.offset - offset };
}
