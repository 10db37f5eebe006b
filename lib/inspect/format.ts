/** Detects the format of a state file by its first bytes. @module */

import { InspectError } from "./error.ts";

/** QEMU's two formats. */
export type Format = "migration-stream" | "cpr-state";

/** Number of bytes that identify a format. */
export const MAGIC_SIZE = 4;

/** CPR state has some kilobytes; limits the memory. */
export const LARGEST_CPR_STATE = 2 * 1024 * 1024;

const MAGICS: Readonly<Record<Format, string>> = {
  "migration-stream": "QEVM",
  "cpr-state": "QCPR",
};

/** How a file is compressed. */
export interface Compression {
  readonly what: string;
  /** The command that unpacks it. */
  readonly unpacker: string;
  /** If it can be decompressed here. */
  readonly format?: "gzip" | "zstd" | undefined;
}

/** Another known format, and how to get the stream that may be in it. */
interface Stranger extends Partial<Compression> {
  readonly magic: string;
  readonly what: string;
  readonly remedy?: string;
}

/** Another way to what is in a qcow2 image. */
export const LOAD_SNAPSHOT =
  "Load the snapshot into a QEMU that stays paused (-S -loadvm NAME), " +
  "and migrate it to a file";

const QCOW2 = "QFI\xfb";

/** Other formats that users may try, by their first bytes. */
const STRANGERS: readonly Stranger[] = [
  {
    magic: "\x11\x22\x33\x44",
    what: "a channel of multifd pages, not the main channel",
    remedy: "Give the file of the main channel",
  },
  {
    magic: "Libv",
    what: "a file of virsh save in an unknown format",
  },
  {
    magic: QCOW2,
    what: "a qcow2 image",
    remedy: LOAD_SNAPSHOT,
  },
  {
    magic: "\x7fELF",
    what: "an ELF file, as virsh dump --memory-only and dump-guest-memory " +
      "write: guest memory without the state of devices",
  },
  {
    magic: "VMA\0",
    what: "a Proxmox backup",
  },
  {
    magic: "\x1f\x8b",
    what: "compressed by gzip",
    unpacker: "gunzip -c",
    format: "gzip",
  },
  {
    magic: "\x28\xb5\x2f\xfd",
    what: "compressed by zstd",
    unpacker: "zstd -dc",
    format: "zstd",
  },
  { magic: "\xfd7zX", what: "compressed by xz", unpacker: "xz -dc" },
  { magic: "BZh", what: "compressed by bzip2", unpacker: "bzip2 -dc" },
  { magic: "\x89LZO", what: "compressed by lzop", unpacker: "lzop -dc" },
  { magic: "\x04\x22\x4d\x18", what: "compressed by lz4", unpacker: "lz4 -dc" },
];

/** How a file is compressed; undefined if it is not. */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  const { what, unpacker, format } = strangerOf(bytes) ?? {};
  return what === undefined || unpacker === undefined
    ? undefined
    : { what, unpacker, format };
}

/**
 * The command line that inspects what another program unpacks.
 *
 * @param command that reads standard input
 */
export function unpackedBy(
  unpacker: string,
  file: string,
  start = 0,
  command = "cprctl inspect -",
): string {
  const path = /^[\w./+:,@-]+$/.test(file)
    ? file
    : `'${file.replaceAll("'", "'\\''")}'`;
  const from = file === "-" ? "" : ` < ${path}`;
  const cut = start === 0 ? "" : `tail -c +${start + 1}${from} | `;
  return `Decompress it: ${cut}${unpacker}${start === 0 ? from : ""} | ` +
    command;
}

/** The format by the first bytes; undefined if unknown. */
export function formatOf(bytes: Uint8Array): Format | undefined {
  const magic = magicOf(bytes);
  if (magic === MAGICS["migration-stream"]) return "migration-stream";
  return magic === MAGICS["cpr-state"] ? "cpr-state" : undefined;
}

/** Whether they are the first bytes of a qcow2 image. */
export function isQcow2(bytes: Uint8Array): boolean {
  return magicOf(bytes) === QCOW2;
}

/**
 * The error for a file with an unsupported format.
 *
 * @param start of the bytes in the file
 */
export function strange(
  file: string,
  bytes: Uint8Array,
  start = 0,
): InspectError {
  const magic = magicOf(bytes);
  const known = strangerOf(bytes);
  const hex = [...magic].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, "0")
  ).join(" ");
  const what = magic === ""
    ? "it is empty"
    : known !== undefined
    ? `it is ${known.what}`
    : `it begins with ${hex}, not with "${MAGICS["migration-stream"]}" or ` +
      `"${MAGICS["cpr-state"]}"`;
  const begin = known === undefined ? beginOf(bytes) : undefined;
  const remedy = begin !== undefined
    ? `A stream begins later: give --offset ${start + begin}`
    : known?.unpacker !== undefined
    ? unpackedBy(known.unpacker, file, start)
    : known?.remedy;
  return new InspectError(
    "unknown-format",
    `Cannot inspect "${file}": neither a migration stream nor CPR state: ` +
      what,
    { remedy },
  );
}

/** The search limit for a stream inside another file. */
const SEARCHED = 1024 * 1024;
/** "QEVM" and the version. */
const BEGIN = [0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3];

/** The offset of a stream that is not at the start of its file. */
function beginOf(bytes: Uint8Array): number | undefined {
  const searched = bytes.subarray(0, SEARCHED);
  for (let at = 0;; at++) {
    at = searched.indexOf(0x51, at);
    if (at < 0) return undefined;
    if (BEGIN.every((byte, index) => searched[at + index] === byte)) return at;
  }
}

function strangerOf(bytes: Uint8Array): Stranger | undefined {
  const magic = magicOf(bytes);
  return STRANGERS.find((it) => magic.startsWith(it.magic));
}

function magicOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAGIC_SIZE));
}
