import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type DecodedStruct,
  isStruct,
  meaningOf,
} from "../../../../lib/migration/stream/mod.ts";
import { LayoutDecoder } from "../../../../lib/migration/stream/layouts/layouts.ts";
import { UNDECODED } from "../../../../lib/migration/stream/layouts/reader.ts";
import { VIRTIO_STATES, virtioState } from "../../../../testing/data/data.ts";
import { decode, decodeStruct, fieldAt, leaves, plain } from "./decoding.ts";

const states = new Map<string, Uint8Array>();
for (const name of Object.keys(VIRTIO_STATES)) {
  states.set(name, await virtioState(name));
}

function state(name: string): Uint8Array<ArrayBuffer> {
  const bytes = states.get(name);
  assert(bytes !== undefined, name);
  return Uint8Array.from(bytes);
}

function decoded(name: string, bytes = state(name)): DecodedStruct {
  return decodeStruct("virtio", bytes, VIRTIO_STATES[name]);
}

/** Why bytes were left, by the name of their field. */
function reasons(struct: DecodedStruct): Record<string, string | undefined> {
  return Object.fromEntries(
    [...leaves(struct)].filter(({ type }) => type === UNDECODED)
      .map(({ name, reason }) => [name, reason]),
  );
}

for (const name of Object.keys(VIRTIO_STATES)) {
  Deno.test(`every byte of a real device has a name: ${name}`, () => {
    const struct = decoded(name);
    assertEquals(reasons(struct), {});
    let end = 0;
    for (const { name, offset, size } of leaves(struct)) {
      assert(offset >= end, name);
      end = offset + size;
    }
  });
}

Deno.test("the fields of a real disk at MMIO, literally", () => {
  const bytes = Uint8Array.fromHex(
    "00000000 00000000 00000000 00 00 0000 00000000 00000039"
      .replaceAll(" ", "") +
      "00".repeat(0x39) +
      "00000001 00000100 00001000 0000000000000000 0000 00".replaceAll(
        " ",
        "",
      ) +
      "0515" + new TextEncoder().encode("virtio/64bit_features").toHex() +
      "00000001 0000000000000000".replaceAll(" ", ""),
  );
  assertEquals(bytes.toHex(), state("mmio-blk.bin").toHex());
  const found = plain(decoded("mmio-blk.bin")) as Record<string, unknown>;
  const { config_space, ...rest } = found;
  assertEquals(rest, {
    host_features_sel: 0,
    guest_features_sel: 0,
    guest_page_shift: 0,
    status: 0,
    isr: 0,
    queue_sel: 0,
    features_low: 0,
    config_length: 0x39,
    queue_count: 1,
    queues: [{ num: 256, align: 4096, descriptors: 0, last_avail_idx: 0 }],
    device: { end: 0 },
    "virtio/64bit_features": { guest_features: 0 },
  });
  assertEquals(Object.keys(config_space ?? {}).slice(0, 3), [
    "capacity",
    "size_max",
    "seg_max",
  ]);
});

Deno.test("the parts of a real network card", () => {
  const struct = decoded("express-net.bin");
  const at = (...path: (string | number)[]) =>
    plain(fieldAt(struct, ...path)?.value);
  assertEquals(at("config", "vendor_id"), 0x1af4);
  assertEquals(at("config", "zero_bytes"), 0xf00);
  assertEquals(at("config_vector"), 0xffff);
  assertEquals(at("queues", 0, "num"), 256);
  assertEquals(at("queues", 2, "num"), 64);
  assertEquals(at("device", "mac"), "525400123456");
  assertEquals(at("virtio/virtqueues", "queues_unused"), 1024);
  assertEquals(
    at(
      "virtio/extra_state",
      "extra_state",
      "virtio_pci/modern_state",
      "queues_unused",
    ),
    1024,
  );
});

Deno.test("a queue that no driver set up has 1024 entries in QEMU 10.0", () => {
  const num = fieldAt(decoded("pci-rng-qemu-10.0.bin"), "queues", 0, "num");
  assertEquals(num?.value, 1024);
});

Deno.test("the kind of a device is that of its PCI ids", () => {
  const struct = decodeStruct("virtio", state("pci-balloon.bin"), "no-such");
  const field = fieldAt(struct, "features_low");
  assertEquals(meaningOf(field?.type ?? "", 3), {
    kind: "flags",
    names: ["MUST_TELL_HOST", "STATS_VQ"],
  });
});

/** Offsets in a real disk at MMIO. */
const MMIO = { status: 12, queueSel: 14, features: 16, length: 20, count: 81 };

Deno.test("features and status have names, by the kind of device", () => {
  const bytes = state("mmio-blk.bin");
  bytes[MMIO.status] = 0x0f;
  bytes[MMIO.features + 1] = 0x02; // bit 17
  const struct = decoded("mmio-blk.bin", bytes);
  const names = (name: string) => {
    const { type, value } = fieldAt(struct, name) ?? {};
    assert(type !== undefined && typeof value === "number");
    return meaningOf(type, value);
  };
  assertEquals(names("status"), {
    kind: "flags",
    names: ["ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK"],
  });
  assertEquals(names("features_low"), { kind: "flags", names: ["ZONED"] });
});

Deno.test("what no device can have stays bytes, with the reason", () => {
  const left = (at: number, ...values: number[]) => {
    const bytes = state("mmio-blk.bin");
    bytes.set(values, at);
    const { value, reason } = decode("virtio", bytes, "virtio-blk");
    assert(!isStruct(value));
    return reason;
  };
  const reason = "no transport that is known fits";
  assertEquals(left(MMIO.queueSel, 0x04, 0x00), reason);
  assertEquals(left(MMIO.length, 0x7f), reason);
  assertEquals(left(MMIO.count, 0, 0, 4, 1), reason);
  assertEquals(left(MMIO.count + 4, 0, 0, 0, 0), reason);
  assertEquals(left(MMIO.count + 4, 0, 1, 0, 0), reason);
});

const encoder = new TextEncoder();

function subsection(name: string, version: number, ...body: number[]) {
  const text = encoder.encode(name);
  return [5, text.length, ...text, 0, 0, 0, version, ...body];
}

function withMore(...more: number[]): DecodedStruct {
  const bytes = Uint8Array.from([...state("mmio-blk.bin"), ...more]);
  return decodeStruct("virtio", bytes, "virtio-blk");
}

Deno.test("a subsection that is not known is the rest, with the reason", () => {
  const rest = (...more: number[]) => reasons(withMore(...more));
  assertEquals(rest(...subsection("virtio/started", 1, 1)), {});
  assertEquals(rest(...subsection("virtio/it", 1, 1)), {
    rest: 'subsection "virtio/it" is not known',
  });
  assertEquals(rest(...subsection("virtio/started", 2, 1)), {
    rest: 'subsection "virtio/started" has another form',
  });
  assertEquals(rest(...subsection("virtio/64bit_features", 1)), {
    rest: 'subsection "virtio/64bit_features" comes twice',
  });
  assertEquals(rest(1, 2, 3), { rest: "it is no subsection" });
  assertEquals(rest(...subsection("virtio/virtqueues", 1, 1)), {
    rest: 'subsection "virtio/virtqueues" has another form',
  });
  assertEquals(rest(...subsection("virtio/extra_state", 1)), {});
  assertEquals(
    rest(
      ...subsection("virtio/extra_state", 1, ...subsection("virtio_x/y", 1)),
    ),
    { rest: 'subsection "virtio/extra_state" has another form' },
  );
});

Deno.test("a device's own part that is not known is bytes up to what is", () => {
  const bytes = state("mmio-blk.bin");
  assertEquals(reasons(decodeStruct("virtio", bytes, "virtio-rng")), {
    device: "nothing is known of this device's own part",
  });
  assertEquals(reasons(decodeStruct("virtio", bytes, "virtio-net")), {
    device: "this device's own part has another form",
  });
});

Deno.test("the requests of a disk in flight are counted", () => {
  const bytes = state("mmio-blk.bin");
  const end = MMIO.count + 4 + 18;
  const element = 16 + 1024 * 48;
  const one = Uint8Array.from([
    ...bytes.subarray(0, end),
    1,
    ...new Uint8Array(element).fill(7),
    ...bytes.subarray(end),
  ]);
  const struct = decodeStruct("virtio", one, "virtio-blk");
  assertEquals(reasons(struct), {});
  assertEquals(
    fieldAt(struct, "device", "requests", 0, "element", "index")?.value,
    0x07070707,
  );
});

Deno.test("the mappings of an IOMMU are read", () => {
  const bytes = state("pci-iommu.bin");
  const bare = decoded("pci-iommu.bin");
  const start = (fieldAt(bare, "device")?.offset ?? 0) - 1000;
  const long = (value: number) => [0, 0, 0, 0, 0, 0, 0, value];
  const tree = [
    ...[0, 0, 0, 1, 1, ...long(9), 0, 0, 0, 9],
    ...[0, 0, 0, 1, 1, ...long(1), ...long(2), ...long(3), 0, 0, 0, 4, 0],
    ...[1, 0, 0, 0, 8, 0, 1, 0],
  ];
  const full = Uint8Array.from([
    ...bytes.subarray(0, start),
    ...tree,
    ...bytes.subarray(start + 5),
  ]);
  const struct = decodeStruct("virtio", full, "virtio-iommu");
  assertEquals(reasons(struct), {});
  assertEquals(plain(fieldAt(struct, "device", "domains", 0)?.value), [{
    follows: 1,
    key: 9,
    id: 9,
    mappings_count: 1,
    mappings: [{
      follows: 1,
      low: 1,
      high: 2,
      physical: 3,
      flags: 4,
    }],
    mappings_end: 0,
    endpoints: [{ follows: 1, id: 8 }],
    endpoints_end: 0,
    bypass: true,
  }]);
});

Deno.test("a big-endian guest's configuration space stays bytes", () => {
  const struct = decodeStruct(
    "virtio",
    state("mmio-blk.bin"),
    "virtio-blk",
    true,
  );
  assertEquals(reasons(struct), {
    config: "its byte order depends on the guest",
  });
});

Deno.test("the values of a stream are limited", () => {
  const decoder = new LayoutDecoder();
  const context = { vmsd: "virtio-console", isBigEndian: false };
  const bytes = state("pci-console.bin");
  let count = 0;
  for (;;) {
    const { value } = decoder.decode("virtio", bytes, 0, context);
    if (!isStruct(value)) break;
    if ([...leaves(value)].some(({ type }) => type === UNDECODED)) break;
    count++;
    assert(count < 10_000, "there is no limit");
  }
  assert(count > 100, `${count}`);
});

Deno.test("a state that is cut anywhere is decoded, or bytes", () => {
  for (const name of ["mmio-blk.bin", "express-net.bin", "pci-console.bin"]) {
    const bytes = state(name);
    const step = Math.ceil(bytes.length / 300);
    for (let end = 0; end < bytes.length; end += step) {
      decode("virtio", bytes.subarray(0, end), VIRTIO_STATES[name]);
    }
  }
});

Deno.test("a state that is changed anywhere is decoded, or bytes", () => {
  const change = fc.record({ at: fc.nat(1500), byte: fc.nat(255) });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(VIRTIO_STATES)),
      fc.array(change, { minLength: 1, maxLength: 8 }),
      (name, changes) => {
        const bytes = state(name);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        decode("virtio", bytes, VIRTIO_STATES[name]);
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("any bytes are decoded, or bytes", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("virtio", "pci config", "msix state"),
      fc.uint8Array({ maxLength: 700 }),
      fc.constantFrom(...Object.values(VIRTIO_STATES)),
      (type, bytes, vmsd) => void decode(type, bytes, vmsd),
    ),
    { numRuns: 1000 },
  );
});
