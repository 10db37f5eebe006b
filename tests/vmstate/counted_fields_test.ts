/** Arrays, buffers and texts: fields with a count, and those with an end. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  allocatedPointerArray,
  array,
  bitmap,
  capability,
  i32,
  pointerArray,
  type ScsiRequest,
  scsiRequests,
  struct,
  text,
  u16,
  u32,
  u8,
  unused,
  validate,
  varray,
  vbuffer,
  vmstate,
  VmstateError,
} from "../../lib/vmstate/mod.ts";
import {
  described,
  loaded,
  loadedCounted,
  refusesBytes,
  refusesValue,
  saved,
  savedCounted,
} from "./one_field.ts";

const pair = vmstate("pair", { version: 1 }, { a: u8(), b: u8() });

Deno.test("an array is its elements, without a count", () => {
  assertEquals(saved(array(u16(), 2), [1, 0x203]), [0, 1, 2, 3]);
  assertEquals(loaded(array(u16(), 2), [0, 1, 2, 3]), [1, 0x203]);
});

Deno.test("an array of another length is refused", () => {
  refusesValue(array(u8(), 2), [1], "1 elements given, it takes 2");
  refusesValue(array(u8(), 2), [1, 2, 3], "3 elements given");
});

Deno.test("the element that is wrong is named", () => {
  const error = refusesValue(array(u8(), 2), [1, 256], "does not fit");
  assertEquals(error.location.field, "x[1]");
  const nested = array(array(struct(pair), 2), 2);
  const torn = refusesBytes(nested, [1, 2, 3, 4, 5, 6, 7, 8].slice(0, 7), "");
  assertEquals(torn.location.field, "x");
});

Deno.test("an array of arrays is one array to vmdesc", () => {
  const field = array(array(u8(), 2), 3);
  assertEquals(saved(field, [[1, 2], [3, 4], [5, 6]]), [1, 2, 3, 4, 5, 6]);
  assertEquals(loaded(field, [1, 2, 3, 4, 5, 6]), [[1, 2], [3, 4], [5, 6]]);
  assertEquals(described(field, [[1, 2], [3, 4], [5, 6]]), [
    { name: "x", array_len: 6, type: "uint8", size: 1 },
  ]);
});

Deno.test("an array of one is described as one value", () => {
  assertEquals(described(array(u8(), 1), [1]), [
    { name: "x", type: "uint8", size: 1 },
  ]);
});

Deno.test("an array of nothing is not described", () => {
  assertEquals(described(array(u8(), 0), []), []);
});

Deno.test("elements that differ are described one by one", () => {
  const list = vmstate("list", { version: 1 }, {
    n: u8(),
    v: varray(u8(), "n"),
  });
  const field = array(struct(list), 2);
  const value = [{ n: 0, v: [] }, { n: 1, v: [7] }];
  const n = { name: "n", type: "uint8", size: 1 };
  const v = { name: "v", type: "uint8", size: 1 };
  assertEquals(described(field, value), [
    {
      name: "x",
      index: 0,
      type: "struct",
      struct: { vmsd_name: "list", version: 1, fields: [n] },
      size: 1,
    },
    {
      name: "x",
      index: 1,
      type: "struct",
      struct: { vmsd_name: "list", version: 1, fields: [n, v] },
      size: 2,
    },
  ]);
});

Deno.test("a varray takes its count from an earlier field", () => {
  assertEquals(savedCounted(varray(u16(), "n"), 2, [1, 2]), [0, 1, 0, 2]);
  assertEquals(loadedCounted(varray(u16(), "n"), 2, [0, 1, 0, 2]), [1, 2]);
  assertEquals(loadedCounted(varray(u16(), "n"), 0, []), []);
});

Deno.test("a varray's count can be multiplied", () => {
  const field = varray(u8(), "n", { multiply: 3 });
  assertEquals(savedCounted(field, 1, [1, 2, 3]), [1, 2, 3]);
  assertEquals(loadedCounted(field, 1, [1, 2, 3]), [1, 2, 3]);
});

Deno.test("a varray that its count contradicts is refused", () => {
  assertThrows(
    () => savedCounted(varray(u8(), "n"), 2, [1]),
    VmstateError,
    "1 elements given, it takes 2",
  );
});

Deno.test("a count that is no count is refused", () => {
  const field = varray(u8(), "m");
  refusesBytes(field, [1], 'its count "m" is undefined');
  const signed = vmstate("t", { version: 1 }, { n: u8() });
  assertThrows(
    () => loadedCounted(varray(struct(signed), "toString"), 1, [1]),
    VmstateError,
    "its count",
  );
});

Deno.test("elements that take no bytes cannot be without number", () => {
  const nothing = vmstate("nothing", { version: 1 }, { gone: unused(0) });
  const many = vmstate("t", { version: 1 }, {
    n: u32(),
    x: varray(struct(nothing), "n"),
  });
  refusesBytes(
    struct(many),
    [0xff, 0xff, 0xff, 0xff],
    "4294967295 elements without a size",
  );
});

Deno.test("a vbuffer has as many bytes as its count says", () => {
  assertEquals(savedCounted(vbuffer("n"), 2, Uint8Array.of(7, 8)), [7, 8]);
  assertEquals(loadedCounted(vbuffer("n"), 2, [7, 8]), Uint8Array.of(7, 8));
  const doubled = vbuffer("n", { multiply: 2 });
  assertEquals(loadedCounted(doubled, 1, [7, 8]), Uint8Array.of(7, 8));
  assertThrows(
    () => savedCounted(vbuffer("n"), 3, Uint8Array.of(7, 8)),
    VmstateError,
    "2 bytes given, it takes 3",
  );
});

Deno.test("a bitmap is whole be64 words, the first word first", () => {
  const bytes = [0, 0, 0, 0, 0, 0, 0, 5, 0x80, 0, 0, 0, 0, 0, 0, 0];
  assertEquals(saved(bitmap(65), [5n, 1n << 63n]), bytes);
  assertEquals(loaded(bitmap(65), bytes), [5n, 1n << 63n]);
  assertEquals(loadedCounted(bitmap("n"), 64, bytes.slice(0, 8)), [5n]);
  assertEquals(bitmap(65).codec.initial(), [0n, 0n]);
  refusesValue(bitmap(65), [5n], "1 words given, it takes 2");
  refusesBytes(bitmap(2 ** 40), bytes, "the stream ends here");
});

Deno.test("text has as many bytes as its count says", () => {
  assertEquals(savedCounted(text("n"), 3, "aß"), [0x61, 0xc3, 0x9f]);
  assertEquals(loadedCounted(text("n"), 3, [0x61, 0xc3, 0x9f]), "aß");
  assertThrows(
    () => savedCounted(text("n"), 2, "aß"),
    VmstateError,
    "3 bytes of text given, it takes 2",
  );
  assertThrows(
    () => loadedCounted(text("n"), 1, [0xff]),
    VmstateError,
    "is not UTF-8",
  );
});

Deno.test("a count below zero never moves backwards", () => {
  const state = vmstate("t", { version: 1 }, { n: i32(), x: text("n") });
  refusesBytes(
    struct(state),
    [0xff, 0xff, 0xff, 0xff, 0],
    'its count "n" is -1',
  );
});

Deno.test("a capability is a counted string", () => {
  assertEquals(saved(capability(), "hi"), [2, 0x68, 0x69]);
  assertEquals(loaded(capability(), [2, 0x68, 0x69]), "hi");
  refusesBytes(capability(), [3, 0x68, 0x69], "the stream ends here");
});

const some = (index: number) => index === 1;

Deno.test("a null pointer is the byte 0x30, others have no marker", () => {
  const field = pointerArray(u8(), 3, some);
  assertEquals(saved(field, [null, 0x30, null]), [0x30, 0x30, 0x30]);
  assertEquals(loaded(field, [0x30, 7, 0x30]), [null, 7, null]);
  assertEquals(field.codec.initial(), [null, 0, null]);
});

Deno.test("pointers that the machine has otherwise are refused", () => {
  const field = pointerArray(u8(), 2, some);
  refusesBytes(field, [0x31, 7], "pointer marker 0x31");
  assertEquals(
    refusesValue(field, [1, 2], "it is not here").location.field,
    "x[0]",
  );
  assertEquals(
    refusesValue(field, [null, null], "it is null").location.field,
    "x[1]",
  );
  refusesValue(field, [null], "1 elements given");
  refusesValue(field, [null, 2, 3], "3 elements given");
});

Deno.test("pointers are described in runs of nulls and of elements", () => {
  const field = pointerArray(struct(pair), 5, (index) => index > 1);
  const element = { a: 1, b: 2 };
  assertEquals(described(field, [null, null, element, element, element]), [
    { name: "x", array_len: 2, type: "ptr-marker", size: 1 },
    {
      name: "x",
      array_len: 3,
      type: "struct",
      struct: {
        vmsd_name: "pair",
        version: 1,
        fields: [
          { name: "a", type: "uint8", size: 1 },
          { name: "b", type: "uint8", size: 1 },
        ],
      },
      size: 2,
    },
  ]);
});

Deno.test("allocated pointers have a marker each", () => {
  const field = allocatedPointerArray(u8(), 3);
  assertEquals(saved(field, [null, 7, null]), [0x30, 0x31, 7, 0x30]);
  assertEquals(loaded(field, [0x31, 0x30, 0x30, 0x30]), [0x30, null, null]);
  assertEquals(field.codec.initial(), [null, null, null]);
  const marker = { name: "x", type: "ptr-marker", size: 1 };
  assertEquals(described(field, [null, 7, null]), [
    marker,
    marker,
    { name: "x", type: "uint8", size: 1 },
    marker,
  ]);
});

Deno.test("allocated pointers that cannot be are refused", () => {
  const field = allocatedPointerArray(u8(), 2);
  const error = refusesBytes(field, [0x30, 0x32], "0x32 is neither 0x30 nor");
  assertEquals(error.location.field, "x[1]");
  refusesBytes(field, [0x30, 0x31], "the stream ends here");
  refusesValue(field, [null], "1 elements given");
  assertEquals(
    refusesValue(field, [null, 256], "does not fit").location.field,
    "x[1]",
  );
});

const request: ScsiRequest = {
  retry: true,
  cdb: new Uint8Array(16).fill(9),
  tag: 1,
  lun: 2,
};
const cdb = new Array<number>(16).fill(9);

Deno.test("SCSI requests end with 0", () => {
  const bytes = [
    ...[1, ...cdb, 0, 0, 0, 1, 0, 0, 0, 2],
    ...[2, ...cdb, 0, 0, 0, 3, 0, 0, 0, 4],
    0,
  ];
  const value = [request, { ...request, retry: false, tag: 3, lun: 4 }];
  assertEquals(saved(scsiRequests(), value), bytes);
  assertEquals(loaded(scsiRequests(), bytes), value);
  assertEquals(saved(scsiRequests(), []), [0]);
  assertEquals(loaded(scsiRequests(), [0]), []);
});

Deno.test("SCSI requests that cannot be are refused", () => {
  refusesBytes(scsiRequests(), [3], "request marker 3");
  refusesBytes(scsiRequests(), [1, ...cdb], "the stream ends here");
  refusesValue(
    scsiRequests(),
    [{ ...request, cdb: new Uint8Array(6) }],
    "16 bytes",
  );
});

Deno.test("a check takes no bytes and refuses by what came before", () => {
  const state = vmstate("t", { version: 1 }, {
    n: u8(),
    small: validate("n below 4", ({ n }) => typeof n === "number" && n < 4),
    x: varray(u8(), "n"),
  });
  assertEquals(loaded(struct(state), [1, 9]), { n: 1, x: [9] });
  assertEquals(saved(struct(state), { n: 1, x: [9] }), [1, 9]);
  const error = refusesBytes(struct(state), [9, 9], "n below 4 does not hold");
  assertEquals(error.location.field, "x.small");
});
