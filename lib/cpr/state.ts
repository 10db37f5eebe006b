/**
 * CPR state: the table of preserved descriptors that the old process hands to
 * the new one, byte for byte as QEMU 11.1 writes it.
 *
 * ```
 * "QCPR"  be32 1
 * { 01  be32 length(name + NUL)  name NUL  be32 id  descriptor }…  00
 * 05 15 "CprState/vfio devices" be32 1 { 01 vfio device }… 00
 * ```
 *
 * A descriptor is its number, a signed be32, in cpr-exec: exec keeps numbers.
 * In cpr-transfer it is the byte 0x20, with the descriptor as SCM_RIGHTS.
 * The order of entries is not significant; look them up by name and id.
 *
 * @module
 */

import { Sink, Source, StreamError, TornStreamError } from "../stream/mod.ts";
import {
  type DescriptorCodec,
  fd,
  i32,
  InvalidValue,
  loadState,
  plainDescriptors,
  qlist,
  saveState,
  text,
  u32,
  validate,
  type Value,
  vmstate,
} from "../vmstate/mod.ts";

/** Where a cpr-exec leaves it: the name of a memfd, and of the variable. */
export const CPR_EXEC_STATE = "QEMU_CPR_EXEC_STATE";

/** "QCPR". */
const MAGIC = 0x51435052;
const VERSION = 1;

/** RAMBlock names have at most 255 bytes and a NUL; vfio names are shorter. */
const MAXIMUM_NAME_SIZE = 1024;

/** Bytes of a table with such a name for every descriptor of a process. */
export const MAXIMUM_STATE_SIZE = 64 * 1024 * 1024;

/** One preserved descriptor. */
export interface CprDescriptor {
  /** RAMBlock or device name. */
  readonly name: string;
  /** Distinguishes descriptors of the same name; 0 for RAM. */
  readonly id: number;
  /** Its number, which exec keeps. */
  readonly descriptor: number;
}

/** A preserved vfio device. */
export interface CprVfioDevice {
  /** Name of the device. */
  readonly name: string;
  /** Its id in iommufd. */
  readonly deviceId: number;
  /** The id of its I/O address space. */
  readonly ioasId: number;
  /** The id of its hardware page table. */
  readonly hwptId: number;
}

/** The table. */
export interface CprState {
  /** The preserved descriptors. */
  readonly descriptors: readonly CprDescriptor[];
  /** Undefined if the writer has no such subsection (QEMU 10.0). */
  readonly vfioDevices?: readonly CprVfioDevice[];
}

const boundedName = validate(
  `name of 1 to ${MAXIMUM_NAME_SIZE} bytes`,
  ({ nameSize }) =>
    typeof nameSize === "number" && nameSize >= 1 &&
    nameSize <= MAXIMUM_NAME_SIZE,
);

/** The name with which each entry of both lists begins. */
const named = {
  nameSize: u32(),
  nameLength: boundedName,
  name: text("nameSize"),
};

const cprFd = vmstate("cpr fd", { version: 1 }, {
  ...named,
  id: i32(),
  descriptor: fd(),
}, { postLoad: ({ name }) => checkTerminated(name) });

const cprVfioDevice = vmstate("cpr vfio device", { version: 1 }, {
  ...named,
  deviceId: i32(),
  ioasId: u32(),
  hwptId: u32(),
}, { postLoad: ({ name }) => checkTerminated(name) });

const vfioDevices = vmstate("CprState/vfio devices", { version: 1 }, {
  devices: qlist(cprVfioDevice),
});

const cprState = vmstate("CprState", { version: 1 }, {
  descriptors: qlist(cprFd),
}, { subsections: { vfio: vfioDevices } });

/** The list alone, without subsections. */
const cprFds = vmstate("cpr fds", { version: 1 }, {
  descriptors: qlist(cprFd),
});

function checkTerminated(name: string): void {
  if (name.indexOf("\0") !== name.length - 1) {
    throw new InvalidValue("its name does not end with its only NUL");
  }
}

/**
 * The encoding of descriptors in cpr-transfer: the byte 0x20 for each, which is
 * sent with SCM_RIGHTS.
 *
 * @param next returns the number of the next descriptor that was received
 *
 * @example
 * ```ts
 * import {
 *   decodeCprState,
 *   encodeCprState,
 *   transferredDescriptors,
 * } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const transferred = transferredDescriptors(() => 12);
 * const sent = { descriptors: [{ name: "ram0", id: 0, descriptor: 7 }] };
 * const bytes = encodeCprState(sent, transferred);
 * assertEquals(decodeCprState(bytes, transferred).descriptors, [
 *   { name: "ram0", id: 0, descriptor: 12 },
 * ]);
 * ```
 */
export function transferredDescriptors(next: () => number): DescriptorCodec {
  const SPACE = 0x20;
  return {
    load(source) {
      const byte = source.u8();
      if (byte !== SPACE) {
        throw new InvalidValue(`byte ${byte} in place of a descriptor`);
      }
      return next();
    },
    save: (sink) => sink.u8(SPACE),
  };
}

/**
 * The bytes of a table.
 *
 * @throws {VmstateError} when a number does not fit its field
 *
 * @example
 * ```ts
 * import { encodeCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeCprState({ descriptors: [] });
 * assertEquals(bytes, Uint8Array.of(0x51, 0x43, 0x50, 0x52, 0, 0, 0, 1, 0));
 * ```
 */
export function encodeCprState(
  state: CprState,
  descriptors: DescriptorCodec = plainDescriptors,
): Uint8Array<ArrayBuffer> {
  const sink = new Sink();
  sink.u32(MAGIC);
  sink.u32(VERSION);
  saveState(cprState, toWire(state), sink, {
    section: "CPR state",
    descriptors,
  });
  return sink.toBytes();
}

/**
 * Decodes a table. It must end with the last byte, and have no name and id
 * twice.
 *
 * @throws {StreamError} when it is torn or malformed
 *
 * @example
 * ```ts
 * import { decodeCprState, encodeCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = { descriptors: [{ name: "ram0", id: 0, descriptor: 7 }] };
 * assertEquals(decodeCprState(encodeCprState(state)), state);
 * ```
 */
export function decodeCprState(
  bytes: Uint8Array,
  descriptors: DescriptorCodec = plainDescriptors,
): CprState {
  const source = new Source(bytes);
  readHeader(source);
  const value = loadState(cprState, source, {
    section: "CPR state",
    descriptors,
  });
  if (source.remaining > 0) {
    throw malformed(`${source.remaining} bytes follow its end`, source.offset);
  }
  const state = fromWire(value);
  checkUnique(state, descriptors);
  return state;
}

/** A table that is meant for another program. */
export interface ForeignCprState {
  /** The preserved descriptors. */
  readonly descriptors: readonly CprDescriptor[];
  /** Why {@linkcode decodeCprState} refuses it; undefined if it does not. */
  readonly oddity?: string;
}

/**
 * Decodes the descriptors of a table that is meant for another program. What
 * only that program may know, such as a new subsection, is an oddity and not an
 * error.
 *
 * @throws {StreamError} when it is torn, or its list malformed
 *
 * @example
 * ```ts
 * import { decodeForeignCprState, encodeCprState } from "./mod.ts";
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 *
 * const bytes = encodeCprState({ descriptors: [] });
 * const longer = new Uint8Array([...bytes, 0x05]);
 * const { descriptors, oddity } = decodeForeignCprState(longer);
 * assertEquals(descriptors, []);
 * assertStringIncludes(oddity ?? "", "1 bytes follow its end");
 * ```
 */
export function decodeForeignCprState(bytes: Uint8Array): ForeignCprState {
  try {
    return { descriptors: decodeCprState(bytes).descriptors };
  } catch (error) {
    if (!(error instanceof StreamError) || isTorn(error)) throw error;
    const source = new Source(bytes);
    readHeader(source);
    const list = loadState(cprFds, source, { section: "CPR state" });
    return { ...fromWire(list), oddity: error.message };
  }
}

function isTorn(error: StreamError): boolean {
  return error instanceof TornStreamError ||
    error.cause instanceof TornStreamError;
}

function readHeader(source: Source): void {
  const magic = source.u32();
  if (magic !== MAGIC) {
    throw malformed(`magic is 0x${magic.toString(16)}, not "QCPR"`, 0);
  }
  const version = source.u32();
  if (version !== VERSION) {
    throw malformed(`version ${version} is not supported, only ${VERSION}`, 4);
  }
}

function checkUnique(
  { descriptors }: CprState,
  codec: DescriptorCodec,
): void {
  const seen = new Set<string>();
  for (const [index, { name, id }] of descriptors.entries()) {
    const key = `${name}\0${id}`;
    if (!seen.has(key)) seen.add(key);
    else {
      const before = { descriptors: descriptors.slice(0, index) };
      // Less the byte that would end the list.
      const offset = encodeCprState(before, codec).length - 1;
      throw malformed(`"${name}" id ${id} is in it twice`, offset);
    }
  }
}

function malformed(what: string, offset: number): StreamError {
  return new StreamError(
    `CPR state is malformed at offset ${offset}: ${what}`,
    offset,
    { code: "bad-cpr-state" },
  );
}

function toWire(state: CprState): Value<typeof cprState> {
  return {
    descriptors: state.descriptors.map(withSize),
    ...state.vfioDevices === undefined
      ? {}
      : { vfio: { devices: state.vfioDevices.map(withSize) } },
  };
}

function withSize<T extends { readonly name: string }>(entry: T) {
  const nameSize = new TextEncoder().encode(entry.name).length + 1;
  return { ...entry, nameSize, name: `${entry.name}\0` };
}

function fromWire({ descriptors, vfio }: Value<typeof cprState>): CprState {
  return {
    descriptors: descriptors.map(withoutSize),
    ...vfio === undefined ? {} : { vfioDevices: vfio.devices.map(withoutSize) },
  };
}

function withoutSize<T extends { nameSize: number; name: string }>(
  { nameSize: _, name, ...entry }: T,
) {
  return { name: name.slice(0, -1), ...entry };
}
