import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type DecodedField,
  type DecodedStruct,
  type DecodedValue,
  decodeStream,
  isStruct,
  loadStream,
  StreamWriter,
} from "../../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../../testing/streams/encode_stream.ts";
import { describeState } from "../../../lib/vmstate/mod.ts";
import { type Described, described } from "../../vmstate/arbitrary.ts";
import { PARTS } from "../../../testing/streams/machine.ts";

function stream({ state, value }: Described): Uint8Array {
  const writer = new StreamWriter();
  PARTS.header(writer);
  PARTS.configuration(writer);
  writer.ramSetup([]);
  PARTS.switchover(writer);
  writer.ramEnd();
  writer.deviceFull({
    sectionId: 9,
    idstr: "bus/dev",
    instanceId: 2,
    state,
    value,
  });
  writer.end();
  return writer.sink.toBytes();
}

function decoded(dev: Described): DecodedStruct {
  const bytes = stream(dev);
  const result = decodeStream(bytes);
  assertEquals(encodeStream(result), bytes);
  const section = result.records.find((record) => record.type === "full");
  assert(section?.type === "full" && isStruct(section.state));
  return section.state;
}

/** Lists come as bytes; space has a value on the wire only. */
const OPAQUE = new Set(["qtailq", "qlist", "gtree", "scsi-requests"]);

/** Sees that what was decoded is what the value says. */
function sameStruct(struct: DecodedStruct, value: unknown): void {
  const members = value as Record<string, unknown>;
  for (const field of struct.fields) {
    if (field.type === "unused_buffer" || OPAQUE.has(field.type)) continue;
    sameField(field, members[field.name]);
  }
  assertEquals(struct.subsections.length, members.sub === undefined ? 0 : 1);
  const [sub] = struct.subsections;
  if (sub !== undefined) sameStruct(sub, members.sub);
}

/** Arrays in arrays are one array on the wire. */
function sameField(field: DecodedField, value: unknown): void {
  const decoded = flat(field.value);
  const expected = flat(value);
  assertEquals(decoded.length, expected.length, field.name);
  for (const [index, element] of decoded.entries()) {
    if (isStruct(element)) sameStruct(element, expected[index]);
    else assertEquals(element, onWire(field.type, expected[index], element));
  }
}

function flat<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

/** What a value is where only its wire type is known. */
function onWire(type: string, value: unknown, found: DecodedValue): unknown {
  if (value === null) return type === "timer" && found !== null ? -1n : null;
  if (type === "fd") {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, Number(value));
    return bytes;
  }
  return typeof value === "string" && type === "buffer"
    ? new TextEncoder().encode(value)
    : value;
}

Deno.test("any device's values are decoded by its vmdesc alone", () => {
  fc.assert(
    fc.property(described("dev", 2), (dev) => {
      sameStruct(decoded(dev), dev.value);
    }),
    { numRuns: 600 },
  );
});

Deno.test("every field that was sent is decoded", () => {
  fc.assert(
    fc.property(described("dev", 1), (dev) => {
      const sent = new Set(
        describeState(dev.state, dev.value).fields.map(({ name }) => name),
      );
      const found = decoded(dev).fields.map(({ name }) => name);
      assertEquals(found, [...sent]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("any device is loaded from its stream", () => {
  fc.assert(
    fc.property(described("dev", 2), (dev) => {
      let loaded: unknown;
      loadStream(stream(dev), {
        machine: "virt-1.0",
        entries: [{
          idstr: "bus/dev",
          instanceId: 2,
          state: dev.state,
          load: (value) => loaded = value,
        }],
        ram: { blocks: [] },
      });
      assertEquals(loaded, dev.value);
    }),
    { numRuns: 300 },
  );
});
