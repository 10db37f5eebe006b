import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type DecodedField,
  type DecodedValue,
  decodeStream,
  isStruct,
  MigrationStreamError,
} from "../../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../../testing/streams/encode_stream.ts";
import {
  device,
  deviceStream,
  vmsd,
} from "../../../testing/streams/foreign.ts";

type Json = Record<string, unknown>;

/** The fields of a device, having seen that they encode again. */
function decoded(payload: number[], ...fields: Json[]): DecodedField[] {
  return decodedDevice(payload, device(fields));
}

function decodedDevice(payload: number[], description: Json): DecodedField[] {
  const bytes = deviceStream(payload, description);
  const stream = decodeStream(bytes);
  assertEquals([...encodeStream(stream)], [...bytes]);
  const [section] = stream.records;
  assert(section?.type === "full" && isStruct(section.state));
  assertEquals(section.size, payload.length);
  return section.state.fields;
}

/** Values with structs as plain objects. */
function plain(value: DecodedValue | undefined): unknown {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return [...value];
  if (!isStruct(value)) return value;
  return Object.fromEntries([
    ...value.fields.map(({ name, value }) => [name, plain(value)]),
    ...value.subsections.map((sub) => [sub.vmsd, plain(sub)]),
  ]);
}

function one(payload: number[], type: string, more: Json = {}): unknown {
  const size = more.array_len === undefined ? payload.length : 1;
  const [field] = decoded(payload, { name: "x", ...more, type, size });
  return plain(field?.value);
}

function refused(
  payload: number[],
  message: string,
  ...fields: Json[]
): MigrationStreamError {
  const bytes = deviceStream(payload, device(fields));
  const error = assertThrows(
    () => decodeStream(bytes),
    MigrationStreamError,
    message,
  );
  assertEquals(error.location.section, "dev");
  assertEquals(error.location.instance, 0);
  return error;
}

const ones = (count: number) => new Array<number>(count).fill(0xff);

Deno.test("every wire type is decoded to its value", () => {
  assertEquals(one([1], "bool"), true);
  assertEquals(one([0], "bool"), false);
  assertEquals(one([0xfe], "int8"), -2);
  assertEquals(one([0xfe], "uint8"), 254);
  assertEquals(one([0xfe], "uint8 equal"), 254);
  assertEquals(one([0xff, 0xfe], "int16"), -2);
  assertEquals(one([0xff, 0xfe], "uint16"), 0xfffe);
  assertEquals(one([0xff, 0xfe], "uint16 equal"), 0xfffe);
  assertEquals(one([0xff, 0xff, 0xff, 0xfe], "int32"), -2);
  assertEquals(one([0xff, 0xff, 0xff, 0xfe], "int32 equal"), -2);
  assertEquals(one([0, 0, 0, 9], "int32 le"), 9);
  assertEquals(one([0xff, 0xff, 0xff, 0xfe], "uint32"), 0xffff_fffe);
  assertEquals(one([0xff, 0xff, 0xff, 0xfe], "uint32 equal"), 0xffff_fffe);
  assertEquals(one(ones(8), "int64"), -1n);
  assertEquals(one(ones(8), "uint64"), 2n ** 64n - 1n);
  assertEquals(one(ones(8), "int64 equal"), 2n ** 64n - 1n);
  assertEquals(one(ones(8), "CPU_Double_U"), 2n ** 64n - 1n);
  assertEquals(one(ones(8), "timer"), -1n);
  assertEquals(one([...ones(8), 0, 0, 0, 0, 0, 0, 0, 2], "bitmap"), [
    2n ** 64n - 1n,
    2n,
  ]);
  assertEquals(
    one([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], "pci irq state"),
    [1, 0, 1, 0],
  );
  assertEquals(one([2, 104, 105], "capability"), "hi");
});

Deno.test("all other types are their bytes", () => {
  for (
    const type of [
      "buffer",
      "unused_buffer",
      "pci config",
      "msix state",
      "scsi-requests",
      "virtio",
      "qtailq",
      "qlist",
      "gtree",
      "uint16_from_uint8",
    ]
  ) {
    assertEquals(one([1, 2, 3], type), [1, 2, 3], type);
  }
});

Deno.test("a bool that is neither 0 nor 1 keeps its byte", () => {
  assertEquals(one([7], "bool"), 7);
});

Deno.test("a bitmap of odd size keeps its bytes", () => {
  assertEquals(one([7, 7, 7], "bitmap"), [7, 7, 7]);
});

Deno.test("an array is the same whether vmdesc compressed it or not", () => {
  const compressed = decoded([1, 2, 3], {
    name: "x",
    array_len: 3,
    type: "uint8",
    size: 1,
  });
  const indexed = decoded(
    [1, 2, 3],
    ...[0, 1, 2].map((index) => ({ name: "x", index, type: "uint8", size: 1 })),
  );
  assertEquals(compressed, indexed);
  assertEquals(compressed[0]?.value, [1, 2, 3]);
  assertEquals(compressed[0]?.isArray, true);
});

Deno.test("elements of different size are listed by index", () => {
  const entry = (index: number, size: number) => ({
    name: "x",
    index,
    type: "struct",
    struct: vmsd("e", [{ name: "b", type: "buffer", size }]),
    size,
  });
  const [x] = decoded([1, 2, 3], entry(0, 1), entry(1, 2));
  assertEquals(plain(x?.value), [{ b: [1] }, { b: [2, 3] }]);
});

Deno.test("names with different numbers are separate fields", () => {
  const fields = decoded(
    [1, 2],
    { name: "config[0]", type: "uint8", size: 1 },
    { name: "config[1]", type: "uint8", size: 1 },
  );
  assertEquals(fields.map(({ name, value }) => [name, value]), [
    ["config[0]", 1],
    ["config[1]", 2],
  ]);
});

Deno.test("a nested struct brings its subsections", () => {
  const sub = { ...vmsd("e/s", [{ name: "late", type: "uint8", size: 1 }]) };
  const [x, y] = decoded(
    [1, 5, 3, 101, 47, 115, 0, 0, 0, 1, 9, 8],
    {
      name: "x",
      type: "struct",
      struct: {
        ...vmsd("e", [{ name: "a", type: "uint8", size: 1 }]),
        subsections: [sub],
      },
      size: 11,
    },
    { name: "y", type: "uint8", size: 1 },
  );
  assertEquals(plain(x?.value), { a: 1, "e/s": { late: 9 } });
  assertEquals(y?.value, 8);
});

Deno.test("a tmp is decoded by its inline description", () => {
  const [x] = decoded([1, 2], {
    name: "x",
    type: "tmp",
    ...vmsd("t", [{ name: "a", array_len: 2, type: "uint8", size: 1 }]),
    size: 2,
  });
  assertEquals(plain(x?.value), { a: [1, 2] });
});

Deno.test("an inline description that does not fit leaves bytes", () => {
  const [x] = decoded([1, 2, 3], {
    name: "x",
    type: "tmp",
    ...vmsd("t", [{ name: "a", type: "uint8", size: 1 }]),
    size: 3,
  });
  assertEquals(plain(x?.value), [1, 2, 3]);
});

const marker = (more: Json = {}) => ({
  name: "x",
  ...more,
  type: "ptr-marker",
  size: 1,
});
const element = (more: Json = {}) => ({
  name: "x",
  ...more,
  type: "struct",
  struct: vmsd("e", [{ name: "a", type: "uint8", size: 1 }]),
  size: 1,
});

Deno.test("runs of null pointers and elements are one array", () => {
  const [x] = decoded(
    [0x30, 0x30, 7, 8, 0x30],
    marker({ array_len: 2 }),
    element({ array_len: 2 }),
    marker(),
  );
  assertEquals(plain(x?.value), [null, null, { a: 7 }, { a: 8 }, null]);
  assertEquals(x?.type, "struct");
  assertEquals(x?.hasMarkers, false);
});

Deno.test("QEMU 10 names the marker of a null pointer nullptr", () => {
  const [x] = decoded([0x30, 7], { ...marker(), type: "nullptr" }, element());
  assertEquals(plain(x?.value), [null, { a: 7 }]);
});

Deno.test("allocated pointers have a marker each", () => {
  const [x] = decoded(
    [0x31, 0x30, 0x30, 0x31, 7],
    marker(),
    element(),
    marker(),
    marker(),
    element(),
  );
  assertEquals(plain(x?.value), [{ a: 0x30 }, null, { a: 7 }]);
  assertEquals(x?.hasMarkers, true);
});

Deno.test("one pointer that is null is an array of one", () => {
  const [x] = decoded([0x30], marker());
  assertEquals(x?.value, [null]);
});

Deno.test("capabilities are read by their length bytes", () => {
  const [x] = decoded([1, 97, 3, 98, 98, 98], {
    name: "x",
    array_len: 2,
    type: "capability",
    size: 2,
  });
  assertEquals(x?.value, ["a", "bbb"]);
});

Deno.test("a device without VMState is its bytes", () => {
  const description = {
    name: "dev",
    instance_id: 0,
    size: 3,
    fields: [{ name: "data", size: 3, type: "buffer" }],
  };
  const bytes = deviceStream([1, 2, 3], description);
  const stream = decodeStream(bytes);
  const [section] = stream.records;
  assert(section?.type === "full");
  assertEquals(section.state, Uint8Array.of(1, 2, 3));
  assertEquals([...encodeStream(stream)], [...bytes]);
});

Deno.test("subsections of the section come after its fields", () => {
  const fields = decodedDevice(
    [1, 5, 5, 100, 101, 118, 47, 115, 0, 0, 0, 1, 9],
    device([{ name: "a", type: "uint8", size: 1 }], [
      vmsd("dev/s", [{ name: "b", type: "uint8", size: 1 }]),
    ]),
  );
  assertEquals(fields.length, 1);
});

Deno.test("a subsection in vmdesc must be in the stream", () => {
  const cases: readonly (readonly [number[], string])[] = [
    [[1, 4], "0x4 in place of the subsection"],
    [
      [1, 5, 5, 100, 101, 118, 47, 116, 0, 0, 0, 1, 9],
      'subsection "dev/t" version 1',
    ],
    [
      [1, 5, 5, 100, 101, 118, 47, 115, 0, 0, 0, 2, 9],
      'subsection "dev/s" version 2',
    ],
  ];
  for (const [payload, message] of cases) {
    const bytes = deviceStream(
      payload,
      device([{ name: "a", type: "uint8", size: 1 }], [
        vmsd("dev/s", [{ name: "b", type: "uint8", size: 1 }]),
      ]),
    );
    const error = assertThrows(
      () => decodeStream(bytes),
      MigrationStreamError,
      message,
    );
    assertEquals(error.location.field, "dev/s");
  }
});

Deno.test("the field that is wrong is named with its path", () => {
  const inner = vmsd("i", [{ name: "b", type: "uint16", size: 1 }]);
  const error = refused([1, 2, 3, 4], "takes 2 bytes and vmdesc says 1", {
    name: "x",
    array_len: 2,
    type: "struct",
    struct: vmsd("e", [{ name: "i", type: "struct", struct: inner, size: 2 }]),
    size: 2,
  });
  assertEquals(error.location.field, "x[0].i.b");
});

Deno.test("impossible runs of pointers are refused", () => {
  refused([0x32], "pointer marker 0x32", marker());
  refused([0x31], "ends after a marker", marker());
  refused([0x31, 0x31, 1], "two markers", marker(), marker(), element());
  refused(
    [0x31, 1, 2],
    "one marker for many",
    marker(),
    element({ array_len: 2 }),
  );
  refused(
    [0x31, 1, 2],
    "only some elements have a marker",
    marker(),
    element(),
    element(),
  );
  refused(
    [1, 0x31, 2],
    "only some elements have a marker",
    element(),
    marker(),
    element(),
  );
  refused([0x30, 1], "a marker is one byte", { ...marker(), size: 2 });
});

Deno.test("an array has elements of one type", () => {
  refused(
    [1, 2],
    'elements of type "uint8" and "int8"',
    { name: "x", index: 0, type: "uint8", size: 1 },
    { name: "x", index: 1, type: "int8", size: 1 },
  );
});

Deno.test("a count beyond the stream is refused before it is allocated", () => {
  for (const type of ["uint8", "buffer", "struct", "capability"]) {
    refused([1], "", { name: "x", array_len: 2 ** 50, type, size: 1 });
  }
  refused([1], "more values than the stream can hold", {
    name: "x",
    array_len: 2 ** 50,
    type: "buffer",
    size: 0,
  });
});

Deno.test("nested arrays of nothing do not multiply", () => {
  let fields: Json[] = [{
    name: "x",
    array_len: 60_000,
    type: "buffer",
    size: 0,
  }];
  for (let depth = 0; depth < 5; depth++) {
    fields = [{
      name: "x",
      array_len: 60_000,
      type: "struct",
      struct: vmsd("e", fields),
      size: 0,
    }];
  }
  refused([], "more values than the stream can hold", ...fields);
});

Deno.test("a struct with nothing in it was a null pointer", () => {
  const none = { name: "css", type: "struct", struct: {}, size: 1 };
  const [all] = decoded([0x30, 0x30, 0x30], { ...none, array_len: 3 });
  assertEquals(plain(all?.value), [null, null, null]);
  const there = vmsd("inner", [{ name: "a", type: "uint8", size: 1 }]);
  const [some] = decoded(
    [0x30, 7, 0x30],
    { ...none, index: 0 },
    { ...none, index: 1, struct: there },
    { ...none, index: 2 },
  );
  assertEquals(plain(some?.value), [null, { a: 7 }, null]);
});

Deno.test("pointers that only the first one describes are left as bytes", () => {
  const payload = [0x30, 7, 8, 9, 0x30];
  const stream = decodeStream(deviceStream(
    payload,
    device([
      { name: "css", array_len: 3, type: "struct", struct: {}, size: 1 },
    ]),
  ));
  const [section] = stream.records;
  assert(section?.type === "full" && section.state instanceof Uint8Array);
  assertEquals([...section.state], payload);
});
