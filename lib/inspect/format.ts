/** How a state file begins. @module */

import { InspectError } from "./error.ts";

/** QEMU's two formats. */
export type Format = "migration-stream" | "cpr-state";

/** Bytes that tell a format. */
export const MAGIC_SIZE = 4;

/** CPR state is some kilobytes: what is larger would only take memory. */
export const LARGEST_CPR_STATE = 8 * 1024 * 1024;

const MAGICS: Readonly<Record<Format, string>> = {
  "migration-stream": "QEVM",
  "cpr-state": "QCPR",
};

/** What else people have at hand, by how it begins. */
const STRANGERS: readonly (readonly [magic: string, what: string])[] = [
  ["\x11\x22\x33\x44", "a channel of multifd pages, not the main channel"],
  ["Libv", "a file of virsh save, which has a header of its own"],
  ["QFI\xfb", "a qcow2 image"],
  ["\x1f\x8b", "compressed by gzip"],
  ["\x28\xb5\x2f\xfd", "compressed by zstd"],
];

/** The format of what begins so; undefined where it is none. */
export function formatOf(bytes: Uint8Array): Format | undefined {
  const magic = magicOf(bytes);
  if (magic === MAGICS["migration-stream"]) return "migration-stream";
  return magic === MAGICS["cpr-state"] ? "cpr-state" : undefined;
}

/** The error for a file that has none of the formats, naming what it is. */
export function strange(file: string, bytes: Uint8Array): InspectError {
  const magic = magicOf(bytes);
  const known = STRANGERS.find(([start]) => magic.startsWith(start))?.[1];
  const hex = [...magic].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, "0")
  ).join(" ");
  const what = magic === ""
    ? "it is empty"
    : known !== undefined
    ? `it is ${known}`
    : `it begins with ${hex}, not with "${MAGICS["migration-stream"]}" or ` +
      `"${MAGICS["cpr-state"]}"`;
  const begin = beginOf(bytes);
  return new InspectError(
    "unknown-format",
    `Cannot inspect "${file}": neither a migration stream nor CPR state: ` +
      what,
    begin === undefined ? {} : {
      remedy: `One begins further on: give --offset ${begin}`,
    },
  );
}

/** A stream begins no further on in what libvirt or a management layer made. */
const SEARCHED = 1024 * 1024;
/** "QEVM" and the version. */
const BEGIN = [0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3];

/** Where a stream begins that is not at the start of its file. */
function beginOf(bytes: Uint8Array): number | undefined {
  const searched = bytes.subarray(0, SEARCHED);
  for (let at = 0;; at++) {
    at = searched.indexOf(0x51, at);
    if (at < 0) return undefined;
    if (BEGIN.every((byte, index) => searched[at + index] === byte)) return at;
  }
}

function magicOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAGIC_SIZE));
}
