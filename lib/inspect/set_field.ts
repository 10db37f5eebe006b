/**
 * Writes a copy of a stream in which one field has another value of the same
 * length. The description and everything else stay as they are.
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import { encodeValue } from "../migration/stream/encode.ts";
import { fieldType } from "../migration/stream/wire_types.ts";
import { Sink } from "../stream/sink.ts";
import { InspectError } from "./error.ts";
import type { Input } from "./input.ts";
import type { InspectedSection, StreamInspection } from "./inspection.ts";
import { type Leaf, leavesIn, type Scalar } from "./members.ts";
import { explaining, namelessFile, partialFile } from "./new_file.ts";
import { scalarText } from "./tree.ts";

/** A field and its new value, as text. */
export interface FieldValue {
  /** From the section down, such as "env.segs[0].base". */
  readonly path: string;
  readonly text: string;
}

/** A change of one field. */
export interface FieldChange {
  /** The name of its section and the instance, such as "cpu:0". */
  readonly section: string;
  readonly path: string;
  readonly old: string;
  readonly new: string;
  /** Offset of the field in the stream. */
  readonly offset: number;
  /** What is there afterwards. */
  readonly bytes: Uint8Array;
}

/** Bytes of one write; a piece of zeros becomes a hole. */
const PIECE = 256 * 1024;
/** More sections with the same field would not help. */
const MOST_NAMES = 5;

/**
 * The change that gives a field another value.
 *
 * @param sections those in which the field may be
 * @throws {MigrationStreamError} when the stream is damaged
 * @throws {InspectError} when there is not one such field, or it cannot have
 *   this value
 */
export function changeOfField(
  { problem, decoded }: StreamInspection,
  sections: readonly InspectedSection[],
  { path, text }: FieldValue,
): FieldChange {
  if (problem !== undefined) throw problem;
  const { mappedRam, fileOffset } = decoded.layout;
  const unable = refusalFor(path);
  if (mappedRam && fileOffset > 0) {
    throw unable(
      "the stream has offsets in the file that it is in, and would be alone " +
        "in another one",
    );
  }
  const { section, leaf, offset } = onlyField(sections, path);
  const value = valueOf(leaf, text, unable);
  const before = encoded(leaf.type, leaf.value, unable);
  const bytes = encoded(leaf.type, value, unable);
  if (bytes.length !== before.length) {
    throw unable(
      `it has ${before.length} bytes, and would have ${bytes.length}`,
    );
  }
  const { input } = decoded;
  const isThere = offset !== undefined &&
    before.every((byte, at) => byte === input[offset + at]);
  if (!isThere) throw unable("its place in the stream is not known");
  return {
    section: `${section.name}:${section.instanceId}`,
    path,
    old: scalarText(leaf.type, leaf.value),
    new: scalarText(leaf.type, value),
    offset,
    bytes,
  };
}

/**
 * Writes the stream with a change to a new file. No file is replaced, and
 * nothing is left if it cannot be written.
 *
 * @param progress called with the number of bytes of the stream that are done
 * @throws {InspectError} when the file cannot be written, or exists
 */
export function writeChanged(
  input: Input,
  { offset, bytes }: FieldChange,
  path: string,
  progress: (offset: number) => void = () => {},
): void {
  using undo = new DisposableStack();
  using stack = new DisposableStack();
  const { file, publish } = namelessFile(path, stack) ??
    partialFile(path, `${path}.part`, { stack, undo });
  explaining(path, () => {
    file.truncate(input.bytes.length);
    for (let at = 0; at < input.bytes.length; at += PIECE) {
      const piece = input.bytes.subarray(at, at + PIECE);
      if (!isZero(piece)) writeAt(file, piece, at);
      input.passed(at);
      progress(at);
    }
    writeAt(file, bytes, offset);
  });
  publish();
}

function writeAt(file: Fd, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    done += file.pwrite(bytes.subarray(done), offset + done);
  }
}

/** Mapped files, which may have holes, are aligned; others are not looked at. */
function isZero({ buffer, byteOffset, length }: Uint8Array): boolean {
  if (byteOffset % 4 !== 0 || length % 4 !== 0) return false;
  const words = new Int32Array(buffer, byteOffset, length / 4);
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) return false;
  return true;
}

interface Found {
  readonly section: InspectedSection;
  readonly leaf: Leaf;
  readonly offset: number | undefined;
}

function onlyField(
  sections: readonly InspectedSection[],
  wanted: string,
): Found {
  const found: Found[] = [];
  for (const section of sections) {
    for (const { path, offset, ...leaf } of leavesIn(section)) {
      if (path === wanted) found.push({ section, leaf, offset });
    }
  }
  const [first, another] = found;
  if (first === undefined) {
    throw new InspectError("no-field", `Cannot find a field "${wanted}"`, {
      remedy: "Give its whole path, as --field shows it",
    });
  }
  if (another === undefined) return first;
  const names = found.slice(0, MOST_NAMES)
    .map(({ section: { name, instanceId } }) => `${name}:${instanceId}`);
  const more = found.length > MOST_NAMES ? ", …" : "";
  throw new InspectError(
    "several-fields",
    `Cannot tell which field "${wanted}" is meant: ${found.length} sections ` +
      "have one",
    { remedy: `Name one with --section: ${names.join(", ")}${more}` },
  );
}

type Refusal = (why: string) => InspectError;

function refusalFor(path: string): Refusal {
  return (why) => new InspectError("unset", `Cannot set "${path}": ${why}`);
}

/** The value that a text means for a field. */
function valueOf({ type, value }: Leaf, text: string, unable: Refusal): Scalar {
  if (value instanceof Uint8Array) {
    const hex = text.replaceAll(/[ :]/g, "");
    if (/^(?:[0-9a-f]{2})*$/i.test(hex)) return Uint8Array.fromHex(hex);
    throw unable("expected bytes in hex");
  }
  if (type === "bool" && /^(?:true|false)$/.test(text)) return text === "true";
  if (value === null) throw unable("it is a null pointer");
  if (typeof value === "string") {
    throw unable("its length depends on its value");
  }
  const [, sign, digits] = /^(-?)(\d+|0x[0-9a-f]+)$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw unable(
      type === "bool" ? "expected true or false" : "expected an integer",
    );
  }
  const number = sign === "" ? BigInt(digits) : -BigInt(digits);
  if (typeof value === "bigint") return number;
  const isBool = type === "bool" && (number === 0n || number === 1n);
  return isBool ? number === 1n : Number(number);
}

/** Types whose values are lists here, and those of their elements. */
const ELEMENTS: Readonly<Record<string, string>> = {
  "bitmap": "uint64",
  "pci irq state": "uint32",
};

function encoded(type: string, value: Scalar, unable: Refusal): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const wire = ELEMENTS[type] ?? type;
  // Before it is made: a number of elements could be any.
  if (fieldType(wire).size === undefined) {
    throw unable("its length depends on its value");
  }
  const sink = new Sink();
  try {
    encodeValue(sink, wire, value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw unable(`${scalarText(type, value)} does not fit "${type}"`);
  }
  return sink.toBytes();
}
