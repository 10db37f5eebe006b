/** Whole states to be broken. */

import { encodeCprState } from "../../lib/cpr/mod.ts";
import { decodeStream, qemuJson } from "../../lib/migration/stream/mod.ts";
import {
  data,
  STREAMS,
  STREAMS_OF_OTHERS,
  VIRTIO_STATES,
  virtioState,
} from "../data/data.ts";
import { bytes, deviceStream, EOF, vmdescText, vmsd } from "./foreign.ts";
import { written } from "./machine.ts";
import {
  codedPages,
  everyType,
  mappedRam,
  postcopy,
  withOpaque,
  withRam,
} from "./streams.ts";

/** Whole states by what is broken in them. */
export interface Seeds {
  /** One of each format and of each kind of record. */
  readonly formats: readonly Uint8Array[];
  /** States that devices write by hand. */
  readonly virtio: readonly Uint8Array[];
  /** Each device of real streams alone. */
  readonly devices: readonly Uint8Array[];
  /** Real streams. */
  readonly streams: readonly Uint8Array[];
}

/** Larger ones are broken as part of their stream alone. */
const LARGEST_DEVICE = 8 * 1024;

/** Reads what of them is in files. */
export async function readSeeds(): Promise<Seeds> {
  const names = [...STREAMS, ...STREAMS_OF_OTHERS];
  const streams = await Promise.all(names.map(data));
  const virtio = Object.entries(VIRTIO_STATES).map(async ([name, device]) =>
    virtioStream(device, await virtioState(name))
  );
  return {
    formats: [
      written(),
      everyType(),
      withRam(),
      withOpaque(),
      mappedRam(),
      codedPages(),
      postcopy(),
      vfioDevices(),
      await data("cpr-exec-q35-plain.qcpr"),
      await data("cpr-transfer-q35.qcpr"),
    ],
    virtio: await Promise.all(virtio),
    devices: streams.flatMap((stream) => [...devicesOf(stream)])
      .filter(({ length }) => length <= LARGEST_DEVICE),
    streams,
  };
}

function vfioDevices(): Uint8Array {
  return encodeCprState({
    descriptors: [{ name: "ram0", id: 0, descriptor: 7 }],
    vfioDevices: [{ name: "0000:01:00.0", deviceId: 1, ioasId: 2, hwptId: 3 }],
  });
}

function virtioStream(device: string, state: Uint8Array): Uint8Array {
  const field = { name: "virtio", type: "virtio", size: state.length };
  return deviceStream(state, {
    name: "dev",
    instance_id: 0,
    ...vmsd(device, [field]),
  });
}

/** A stream of each device of a stream, with its part of vmdesc. */
function* devicesOf(stream: Uint8Array): Generator<Uint8Array> {
  const { records, vmdesc } = decodeStream(stream);
  const [first] = records;
  if (first === undefined || vmdesc === undefined) return;
  const { page_size, devices }: { page_size: number; devices: unknown[] } = JSON
    .parse(new TextDecoder().decode(vmdesc.text));
  let index = 0;
  for (const [at, record] of records.entries()) {
    if (record.type !== "full") continue;
    const end = records[at + 1]?.offset ?? vmdesc.offset - EOF.length;
    const device = devices[index++];
    yield bytes((sink) => {
      sink.bytes(stream.subarray(0, first.offset));
      sink.bytes(stream.subarray(record.offset, end));
      sink.bytes(Uint8Array.from(EOF));
      sink.bytes(vmdescText(qemuJson({ page_size, devices: [device] })));
    });
  }
}
