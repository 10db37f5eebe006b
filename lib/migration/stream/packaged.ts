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
import type { DeviceSection, Package } from "./decoded.ts";
import { RecordReader, type SectionHead } from "./records.ts";

/**
 * Decodes a package as far as it can be.
 *
 * @param offset of the package in the stream
 * @param stateOf decodes the payload of a section, which is at an offset
 */
export function openPackage(
  stream: Uint8Array,
  offset: number,
  size: number,
  stateOf: (
    head: SectionHead,
    bytes: Uint8Array,
    offset: number,
  ) => DeviceSection["state"],
): Package {
  const bytes = stream.subarray(0, offset + size);
  const reader = new RecordReader(bytes, { start: offset });
  const records: Package["records"][number][] = [];
  let end = offset;
  try {
    for (const record of reader) {
      if (record.type === "command") records.push(record);
      else if (record.type === "full") {
        const start = reader.source.offset;
        const payload = reader.undescribed();
        reader.end();
        const state = stateOf(record, payload, start);
        records.push({ ...record, size: payload.length, state });
      } else break;
      end = reader.source.offset;
    }
  } catch (error) {
    // The rest cannot be decoded.
    if (!(error instanceof StreamError)) throw error;
  }
  return { records, rest: bytes.subarray(end) };
}
