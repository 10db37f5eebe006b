/** Small states that would take much time or memory, if one let them. */

import { encodeCprState } from "../../lib/cpr/mod.ts";
import type { Sink } from "../../lib/stream/mod.ts";
import {
  bytes,
  configuration,
  EOF,
  EOS,
  footer,
  HEADER,
  oneBlock,
  vmdescText,
} from "./foreign.ts";

function stream(write: (sink: Sink) => void): Uint8Array {
  return bytes((sink) => {
    sink.bytes(HEADER);
    sink.bytes(configuration());
    write(sink);
  });
}

/** Nothing but the first section of RAM, with these records. */
function ramOnly(write: (sink: Sink) => void): Uint8Array {
  return stream((sink) => {
    sink.u8(1);
    sink.u32(1);
    sink.countedString("ram");
    sink.u32(0);
    sink.u32(4);
    write(sink);
    sink.bytes(EOS);
    sink.bytes(footer(1));
    sink.bytes(Uint8Array.from(EOF));
  });
}

/** One device with fields of these names. */
function fieldsOf(
  count: number,
  name: (index: number) => string,
): Uint8Array {
  return stream((sink) => {
    beginDevice(sink, 0);
    sink.zeros(count);
    sink.bytes(footer(0));
    sink.bytes(Uint8Array.from(EOF));
    const fields = Array.from(
      { length: count },
      (_, index) => `{"name": "${name(index)}", "type": "uint8", "size": 1}`,
    );
    sink.bytes(vmdescText(
      '{"page_size": 4096, "devices": [{"name": "dev", "instance_id": 0, ' +
        `"vmsd_name": "dev", "version": 1, "fields": [${fields.join()}]}]}`,
    ));
  });
}

function beginDevice(sink: Sink, instance: number): void {
  sink.u8(4);
  sink.u32(instance);
  sink.countedString("dev");
  sink.u32(instance);
  sink.u32(1);
}

/** Zero pages of one block, each far from all others. */
function scatteredPages(count: number): Uint8Array {
  const distance = 2 ** 34;
  const block = count * distance;
  return ramOnly((sink) => {
    sink.bytes(oneBlock("r", block));
    for (let at = 0; at < block; at += distance) {
      sink.size64(at + (at === 0 ? 0x2 : 0x22));
      if (at === 0) sink.countedString("r");
      sink.u8(0);
    }
  });
}

function manyBlocks(count: number): Uint8Array {
  return ramOnly((sink) => {
    sink.size64(count * 4096 + 4);
    for (let index = 0; index < count; index++) {
      sink.countedString(`b${index}`);
      sink.size64(4096);
    }
  });
}

function manySections(count: number): Uint8Array {
  return stream((sink) => {
    for (let index = 0; index < count; index++) {
      beginDevice(sink, index);
      sink.bytes(footer(index));
    }
    sink.bytes(Uint8Array.from(EOF));
  });
}

function manyDescriptors(count: number): Uint8Array {
  const descriptors = Array.from({ length: count }, (_, id) => ({
    name: "ram0",
    id,
    descriptor: 5,
  }));
  return encodeCprState({ descriptors });
}

/** A vmdesc of nothing but empty objects. */
function emptyObjects(count: number): Uint8Array {
  return stream((sink) => {
    beginDevice(sink, 0);
    sink.bytes(footer(0));
    sink.bytes(Uint8Array.from(EOF));
    const devices = "{},".repeat(count);
    sink.bytes(vmdescText(`{"page_size": 4096, "devices": [${devices}{}]}`));
  });
}

/** An array of so many structs with nothing in them. */
function nothingTimes(count: number): Uint8Array {
  return stream((sink) => {
    beginDevice(sink, 0);
    sink.zeros(8 * 1024 * 1024);
    sink.bytes(footer(0));
    sink.bytes(Uint8Array.from(EOF));
    sink.bytes(vmdescText(
      '{"page_size": 4096, "devices": [{"name": "dev", "instance_id": 0, ' +
        '"vmsd_name": "dev", "version": 1, "fields": [{"name": "x", ' +
        `"array_len": ${count}, "type": "struct", "struct": {"vmsd_name": ` +
        '"none", "version": 1, "fields": []}, "size": 0}]}]}',
    ));
  });
}

/** One field of so many bytes. */
function oneField(size: number, field: Record<string, unknown>): Uint8Array {
  return stream((sink) => {
    beginDevice(sink, 0);
    sink.zeros(size);
    sink.bytes(footer(0));
    sink.bytes(Uint8Array.from(EOF));
    const text = JSON.stringify({ name: "x", ...field });
    sink.bytes(vmdescText(
      '{"page_size": 4096, "devices": [{"name": "dev", "instance_id": 0, ' +
        `"vmsd_name": "dev", "version": 1, "fields": [${text}]}]}`,
    ));
  });
}

/** The start of a virtio device at MMIO: no queue, no configuration. */
const VIRTIO_START = 3 * 4 + 4 + 4 + 4 + 4;

/** `count` virtio devices in one field, each of these bytes. */
function virtioDevices(count: number, device: Uint8Array): Uint8Array {
  return stream((sink) => {
    beginDevice(sink, 0);
    for (let index = 0; index < count; index++) sink.bytes(device);
    sink.bytes(footer(0));
    sink.bytes(Uint8Array.from(EOF));
    sink.bytes(vmdescText(
      '{"page_size": 4096, "devices": [{"name": "dev", "instance_id": 0, ' +
        '"vmsd_name": "virtio-blk", "version": 1, "fields": [{"name": "x", ' +
        `"array_len": ${count}, "type": "virtio", "size": ${device.length}` +
        "}]}]}",
    ));
  });
}

/** Many queues for their bytes. */
function queuesOf(count: number): Uint8Array {
  return bytes((sink) => {
    sink.zeros(VIRTIO_START - 4);
    sink.u32(count);
    for (let index = 0; index < count; index++) {
      sink.u32(1);
      sink.zeros(14);
    }
    sink.u8(0);
  });
}

/** What looks like the start of a subsection, again and again. */
function almostSubsections(count: number): Uint8Array {
  return bytes((sink) => {
    sink.zeros(VIRTIO_START);
    sink.u8(7);
    for (let index = 0; index < count; index++) {
      sink.bytes(Uint8Array.of(5, 8, 0x76));
    }
  });
}

function manyCommands(count: number): Uint8Array {
  return stream((sink) => {
    for (let index = 0; index < count; index++) {
      sink.bytes(Uint8Array.of(8, 0, 1, 0, 0));
    }
    sink.bytes(Uint8Array.from(EOF));
  });
}

function manyPieces(count: number): Uint8Array {
  return ramOnly((sink) => {
    sink.bytes(oneBlock("r", 4096));
    for (let index = 0; index < count; index++) {
      sink.size64(0x2);
      sink.countedString("r");
      sink.u8(0);
      sink.bytes(EOS);
      sink.bytes(footer(1));
      sink.bytes(Uint8Array.of(2, 0, 0, 0, 1));
    }
  });
}

function manyEmptyBlocks(count: number): Uint8Array {
  return ramOnly((sink) => {
    sink.size64(4096 + 4);
    for (let index = 0; index < count; index++) {
      sink.countedString(`b${index}`);
      sink.size64(0);
    }
    sink.countedString("r");
    sink.size64(4096);
  });
}

/** A configuration of a machine whose name has so many NULs. */
function longMachineName(length: number): Uint8Array {
  return bytes((sink) => {
    sink.bytes(HEADER);
    sink.u8(7);
    sink.u32(length);
    sink.zeros(length);
    sink.bytes(Uint8Array.from(EOF));
  });
}

/** Capabilities without a name. */
function manyCapabilities(count: number): Uint8Array {
  return bytes((sink) => {
    sink.bytes(HEADER);
    sink.bytes(configuration("x").subarray(0, -6));
    sink.u32(count);
    sink.zeros(count);
    sink.bytes(Uint8Array.from(EOF));
  });
}

/** A state of so many of what makes it one. */
export interface Bomb {
  readonly make: (count: number) => Uint8Array;
  /** As many as are read, or more. */
  readonly most: number;
}

/** By name. */
export const BOMBS: Readonly<Record<string, Bomb>> = {
  "fields of two names in turn": {
    make: (count) => fieldsOf(count, (at) => at % 2 ? "x" : "y"),
    most: 180_000,
  },
  "fields of many names": {
    make: (count) => fieldsOf(count, (at) => `x${at}`),
    most: 180_000,
  },
  "scattered pages": { make: scatteredPages, most: 65_536 },
  "many blocks": { make: manyBlocks, most: 16_384 },
  "many sections": { make: manySections, most: 149_000 },
  "many descriptors": { make: manyDescriptors, most: 116_000 },
  "empty objects": { make: emptyObjects, most: 5_000_000 },
  "elements of no size": { make: nothingTimes, most: 7_000_000 },
  "a long array": {
    make: (count) =>
      oneField(count, { array_len: count, type: "uint8", size: 1 }),
    most: 2_500_000,
  },
  "a long array of words": {
    make: (count) =>
      oneField(8 * count, { array_len: count, type: "uint64", size: 8 }),
    most: 1_260_000,
  },
  "a long bitmap": {
    make: (size) => oneField(size, { type: "bitmap", size }),
    most: 10_000_000,
  },
  "many virtio devices": {
    make: (count) => virtioDevices(count, queuesOf(1024)),
    most: 1000,
  },
  "many small virtio devices": {
    make: (count) => virtioDevices(count, new Uint8Array(VIRTIO_START + 1)),
    most: 250_000,
  },
  "almost subsections": {
    make: (count) => virtioDevices(1, almostSubsections(count)),
    most: 3_000_000,
  },
  "many commands": { make: manyCommands, most: 3_000_000 },
  "many pieces of memory": { make: manyPieces, most: 299_000 },
  "many empty blocks": { make: manyEmptyBlocks, most: 16_383 },
  "a long name": { make: longMachineName, most: 16_000_000 },
  "many capabilities": { make: manyCapabilities, most: 30_000_000 },
};
