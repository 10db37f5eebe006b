import { type Field, field, type FieldOptions, fixedSize } from "./codec.ts";
import { countOf } from "./count.ts";
import { InvalidValue } from "./error.ts";
import { INTEGERS } from "./integers.ts";
import type { Siblings } from "./codec.ts";

const NOT_ARMED = -1n;

/**
 * A timer: be64 expiry in ns of the timer's own clock; all ones when it is not
 * armed, which is null here.
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

/** A double as its 64 bits, upper be32 first (CPU_Double_U). */
export const double = (options?: FieldOptions): Field<bigint> =>
  field({ ...INTEGERS.u64, ...fixedSize("CPU_Double_U", 8) }, options);

/** A counted string, as the configuration section lists capabilities. */
export const capability = (options?: FieldOptions): Field<string> =>
  field({
    type: "capability",
    minimumSize: 1,
    initial: () => "",
    load: (source) => source.countedString(),
    save: (sink, value) => sink.countedString(value),
  }, options);

/** Text of as many bytes as the named earlier field says. */
export const text = (count: string, options?: FieldOptions): Field<string> =>
  field({
    type: "buffer",
    minimumSize: 0,
    initial: () => "",
    load: (source, _context, siblings) => source.text(countOf(count, siblings)),
    save(sink, value, _context, siblings) {
      const bytes = new TextEncoder().encode(value);
      const size = countOf(count, siblings);
      if (bytes.length !== size) {
        throw new InvalidValue(
          `${bytes.length} bytes of text given, it takes ${size}`,
        );
      }
      sink.bytes(bytes);
    },
  }, options);

/** The four PCI interrupt pins, each a be32 that is 0 or 1. */
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

/** A descriptor; the channel decides how it travels. */
export const fd = (options?: FieldOptions): Field<number> =>
  field({
    type: "fd",
    minimumSize: 0,
    initial: () => -1,
    load: (source, context) => context.descriptors.load(source),
    save: (sink, value, context) => context.descriptors.save(sink, value),
  }, options);

/**
 * A check without bytes: refuses the load when the struct loaded so far does
 * not satisfy it (QEMU's VMSTATE_VALIDATE).
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

/** A SCSI request that was in flight: what is needed to send it again. */
export interface ScsiRequest {
  /** True if the request failed and is to be sent again. */
  readonly retry: boolean;
  /** 16 bytes. */
  readonly cdb: Uint8Array;
  readonly tag: number;
  readonly lun: number;
}

const SCSI_END = 0;
const SCSI_RETRY = 1;
const SCSI_OTHER = 2;
const CDB_SIZE = 16;

/**
 * The requests of a SCSI device: 1 (retry) or 2, CDB, be32 tag, be32 lun each,
 * then 0. A device model that adds data of its own per request needs its own
 * codec; an idle device is the single byte 0.
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
