import {
  checkLength,
  countOf,
  type Field,
  field,
  type FieldOptions,
  fixedSize,
  type Siblings,
} from "./codec.ts";
import { InvalidValue } from "./error.ts";
import { INTEGERS } from "./integers.ts";

const NOT_ARMED = -1n;

/**
 * A timer: be64 expiry in ns of the timer's own clock. All ones is a timer that
 * is not armed; its value is null.
 *
 * @example
 * ```ts
 * import { saveState, timer, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("rtc", { version: 1 }, { alarm: timer() });
 * const sink = new Sink();
 * saveState(state, { alarm: null }, sink);
 * assertEquals(sink.toBytes(), new Uint8Array(8).fill(0xff));
 * ```
 */
export const timer = (options?: FieldOptions): Field<bigint | null> =>
  field({
    ...fixedSize("timer", 8),
    initial: () => null,
    load(source) {
      const expiry = source.i64();
      return expiry === NOT_ARMED ? null : expiry;
    },
    save(sink, value) {
      if (value === NOT_ARMED) {
        throw new InvalidValue("-1 would read as not armed, which is null");
      }
      sink.i64(value ?? NOT_ARMED);
    },
  }, options);

/**
 * The 64 bits of a double, be64 (CPU_Double_U).
 *
 * @example
 * ```ts
 * import { double, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("fpu", { version: 1 }, { f0: double() });
 * const sink = new Sink();
 * saveState(state, { f0: 0x3ff0_0000_0000_0000n }, sink);
 * assertEquals(new DataView(sink.toBytes().buffer).getFloat64(0), 1);
 * ```
 */
export const double = (options?: FieldOptions): Field<bigint> =>
  field({ ...INTEGERS.u64, ...fixedSize("CPU_Double_U", 8) }, options);

/**
 * A counted string, as capabilities in the configuration section: u8 length,
 * then that many bytes.
 *
 * @example
 * ```ts
 * import { capability, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("capability", { version: 1 }, { name: capability() });
 * const sink = new Sink();
 * saveState(state, { name: "xbzrle" }, sink);
 * assertEquals(sink.toBytes()[0], 6);
 * ```
 */
export const capability = (options?: FieldOptions): Field<string> =>
  field({
    type: "capability",
    minimumSize: 1,
    initial: () => "",
    load: (source) => source.countedString(),
    save: (sink, value) => sink.countedString(value),
  }, options);

/**
 * UTF-8 text of as many bytes as an earlier field says.
 *
 * @param count the name of the earlier field
 *
 * @example
 * ```ts
 * import { saveState, text, u8, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   size: u8(),
 *   name: text("size"),
 * });
 * const sink = new Sink();
 * saveState(state, { size: 2, name: "a0" }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(2, 97, 48));
 * ```
 */
export const text = (count: string, options?: FieldOptions): Field<string> =>
  field({
    type: "buffer",
    minimumSize: 0,
    initial: () => "",
    load: (source, _context, siblings) => source.text(countOf(count, siblings)),
    save(sink, value, _context, siblings) {
      const bytes = new TextEncoder().encode(value);
      checkLength(bytes.length, countOf(count, siblings), "bytes of text");
      sink.bytes(bytes);
    },
  }, options);

/**
 * The four PCI interrupt pins, each a be32 that is 0 or 1.
 *
 * @example
 * ```ts
 * import { pciIrqState, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("PCIDevice", { version: 1 }, { pins: pciIrqState() });
 * const sink = new Sink();
 * saveState(state, { pins: [0, 1, 0, 0] }, sink);
 * assertEquals(sink.toBytes()[7], 1);
 * ```
 */
export const pciIrqState = (options?: FieldOptions): Field<number[]> =>
  field({
    ...fixedSize("pci irq state", 16),
    initial: () => [0, 0, 0, 0],
    load(source) {
      return Array.from({ length: 4 }, (_, pin) => {
        const level = source.u32();
        if (level > 1) {
          throw new InvalidValue(`pin ${pin} is ${level}, not 0 or 1`);
        }
        return level;
      });
    },
    save(sink, levels) {
      if (levels.length !== 4) throw new InvalidValue("there are four pins");
      for (const level of levels) sink.u32(level);
    },
  }, options);

/**
 * A file descriptor; {@linkcode StateOptions} says how it is encoded.
 *
 * @example
 * ```ts
 * import { fd, saveState, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("block", { version: 1 }, { memory: fd() });
 * const sink = new Sink();
 * saveState(state, { memory: 7 }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0, 0, 0, 7));
 * ```
 */
export const fd = (options?: FieldOptions): Field<number> =>
  field({
    type: "fd",
    minimumSize: 0,
    initial: () => -1,
    load: (source, context) => context.descriptors.load(source),
    save: (sink, value, context) => context.descriptors.save(sink, value),
  }, options);

/**
 * A check without bytes on the wire (QEMU's VMSTATE_VALIDATE): the load fails
 * unless the fields loaded so far satisfy it.
 *
 * @param what the condition, for the error's message
 *
 * @example
 * ```ts
 * import { loadState, u8, validate, vmstate, VmstateError } from "./mod.ts";
 * import { Source } from "../stream/mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const state = vmstate("device", { version: 1 }, {
 *   head: u8(),
 *   isInRing: validate("head < 4", ({ head }) => Number(head) < 4),
 * });
 * const source = new Source(Uint8Array.of(4));
 * assertThrows(() => loadState(state, source), VmstateError, "head < 4");
 * ```
 */
export const validate = (
  what: string,
  holds: (siblings: Siblings) => boolean,
): Field<void> =>
  field({
    type: "",
    minimumSize: 0,
    initial: () => undefined,
    load(_source, _context, siblings) {
      if (!holds(siblings)) throw new InvalidValue(`${what} does not hold`);
    },
    save: () => undefined,
    describe: () => [],
  });

/** A SCSI request in flight: what is needed to submit it again. */
export interface ScsiRequest {
  /** True if the request failed and is to be submitted again. */
  readonly retry: boolean;
  /** 16 bytes. */
  readonly cdb: Uint8Array;
  /** The initiator's number of the request. */
  readonly tag: number;
  /** The logical unit that it is for. */
  readonly lun: number;
}

const SCSI_END = 0;
const SCSI_RETRY = 1;
const SCSI_OTHER = 2;
const CDB_SIZE = 16;

/**
 * The requests of a SCSI device: 1 (retry) or 2, CDB, be32 tag and be32 LUN for
 * each, then 0. An idle device is the single byte 0. A device model with data of
 * its own per request needs a codec of its own.
 *
 * @example
 * ```ts
 * import { saveState, scsiRequests, vmstate } from "./mod.ts";
 * import { Sink } from "../stream/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const state = vmstate("scsi-disk", { version: 1 }, {
 *   requests: scsiRequests(),
 * });
 * const sink = new Sink();
 * saveState(state, { requests: [] }, sink);
 * assertEquals(sink.toBytes(), Uint8Array.of(0));
 * ```
 */
export const scsiRequests = (options?: FieldOptions): Field<ScsiRequest[]> =>
  field({
    type: "scsi-requests",
    minimumSize: 1,
    initial: () => [],
    load(source) {
      const requests: ScsiRequest[] = [];
      for (let kind = source.u8(); kind !== SCSI_END; kind = source.u8()) {
        if (kind > SCSI_OTHER) {
          throw new InvalidValue(`request marker ${kind} is not 0, 1 or 2`);
        }
        requests.push({
          retry: kind === SCSI_RETRY,
          cdb: source.bytes(CDB_SIZE).slice(),
          tag: source.u32(),
          lun: source.u32(),
        });
      }
      return requests;
    },
    save(sink, requests) {
      for (const request of requests) {
        sink.u8(request.retry ? SCSI_RETRY : SCSI_OTHER);
        if (request.cdb.length !== CDB_SIZE) {
          throw new InvalidValue(`a CDB has ${CDB_SIZE} bytes`);
        }
        sink.bytes(request.cdb);
        sink.u32(request.tag);
        sink.u32(request.lun);
      }
      sink.u8(SCSI_END);
    },
  }, options);
