/** Structs, lists, trees, subsections, versions and hooks. */

import { assertEquals, assertThrows } from "@std/assert";
import { Sink, Source } from "../../lib/stream/mod.ts";
import {
  describeState,
  gtree,
  gtreeDirect,
  InvalidValue,
  loadState,
  qlist,
  qtailq,
  saveState,
  struct,
  temporary,
  u16,
  u8,
  type Value,
  versionedStruct,
  vmsdJson,
  vmstate,
  VmstateError,
} from "../../lib/vmstate/mod.ts";
import {
  described,
  loaded,
  refusesBytes,
  refusesValue,
  saved,
} from "./one_field.ts";

const item = vmstate("item", { version: 2, minimumVersion: 1 }, {
  a: u8(),
  late: u8({ since: 2 }),
});
const sub = vmstate("part/sub", { version: 3, minimumVersion: 2 }, { s: u8() });
const part = vmstate("part", { version: 1 }, { a: u8() }, {
  subsections: { sub },
});
/** "part/sub" as a subsection, without its body. */
const SUB = [5, 8, ...new TextEncoder().encode("part/sub"), 0, 0, 0, 3];

Deno.test("a struct is its body, at its own version", () => {
  assertEquals(saved(struct(item), { a: 1, late: 2 }), [1, 2]);
  assertEquals(loaded(struct(item), [1, 2]), { a: 1, late: 2 });
});

Deno.test("a struct of a fixed version has that version's fields", () => {
  const field = versionedStruct(item, 1);
  assertEquals(saved(field, { a: 1, late: 2 }), [1]);
  assertEquals(loaded(field, [1]), { a: 1, late: 0 });
  assertEquals(described(field, { a: 1, late: 0 }), [{
    name: "x",
    type: "struct",
    struct: {
      vmsd_name: "item",
      version: 1,
      fields: [{ name: "a", type: "uint8", size: 1 }],
    },
    size: 1,
  }]);
});

Deno.test("a temporary is described inline", () => {
  const field = temporary(item);
  assertEquals(saved(field, { a: 1, late: 2 }), [1, 2]);
  assertEquals(loaded(field, [1, 2]), { a: 1, late: 2 });
  const [entry] = described(field, { a: 1, late: 2 });
  assertEquals(entry?.type, "tmp");
  assertEquals(entry?.inline?.vmsd_name, "item");
  assertEquals(entry?.size, 2);
});

Deno.test("a nested struct brings its subsections and their size", () => {
  const bytes = [1, ...SUB, 9];
  assertEquals(saved(struct(part), { a: 1, sub: { s: 9 } }), bytes);
  assertEquals(loaded(struct(part), bytes), { a: 1, sub: { s: 9 } });
  const [entry] = described(struct(part), { a: 1, sub: { s: 9 } });
  assertEquals(entry?.size, bytes.length);
});

Deno.test("subsections of one level may come in any order", () => {
  const b = vmstate("part/b", { version: 1 }, { b: u8() });
  const both = vmstate("part", { version: 1 }, { a: u8() }, {
    subsections: { sub, b },
  });
  const B = [5, 6, ...new TextEncoder().encode("part/b"), 0, 0, 0, 1];
  const value = { a: 1, sub: { s: 9 }, b: { b: 8 } };
  assertEquals(loaded(struct(both), [1, ...B, 8, ...SUB, 9]), value);
  assertEquals(saved(struct(both), value), [1, ...SUB, 9, ...B, 8]);
});

Deno.test("a subsection of an enclosing level is left to it", () => {
  const inner = vmstate("inner", { version: 1 }, { a: u8() }, {
    subsections: { deep: vmstate("inner/deep", { version: 1 }, { d: u8() }) },
  });
  const outer = vmstate("part", { version: 1 }, { inner: struct(inner) }, {
    subsections: { sub },
  });
  assertEquals(loaded(struct(outer), [1, ...SUB, 9]), {
    inner: { a: 1 },
    sub: { s: 9 },
  });
});

Deno.test("a field that begins like a subsection is a field", () => {
  const outer = vmstate("outer", { version: 1 }, {
    part: struct(part),
    five: u8(),
    length: u8(),
  });
  assertEquals(loaded(struct(outer), [1, 5, 8]), {
    part: { a: 1 },
    five: 5,
    length: 8,
  });
});

Deno.test("a subsection's version is checked", () => {
  for (const [version, message] of [[4, "is newer"], [1, "is older"]]) {
    const bytes = [1, ...SUB, 9];
    bytes[bytes.length - 2] = Number(version);
    const error = refusesBytes(struct(part), bytes, String(message));
    assertEquals(error.location.field, "x.sub");
  }
});

Deno.test("a subsection that is needed but has no value is refused", () => {
  const state = vmstate("part", { version: 1 }, { a: u8() }, {
    subsections: { sub },
    needed: { sub: () => true },
  });
  assertThrows(
    () => saveState(state, { a: 1 }, new Sink()),
    VmstateError,
    'subsection "part/sub" has no value',
  );
});

Deno.test("lists have 1 before each element and 0 at their end", () => {
  for (const list of [qtailq, qlist]) {
    const value = [{ a: 1, late: 2 }, { a: 3, late: 4 }];
    assertEquals(saved(list(item), value), [1, 1, 2, 1, 3, 4, 0]);
    assertEquals(loaded(list(item), [1, 1, 2, 1, 3, 4, 0]), value);
    assertEquals(saved(list(item), []), [0]);
    assertEquals(loaded(list(item), [0]), []);
  }
});

Deno.test("a list is described inline with its whole size", () => {
  const [empty] = described(qlist(item), []);
  assertEquals(empty, { name: "x", type: "qlist", size: 1 });
  const [full] = described(qtailq(item), [
    { a: 1, late: 2 },
    { a: 1, late: 2 },
  ]);
  assertEquals(full?.type, "qtailq");
  assertEquals(full?.size, 7);
  assertEquals(full?.inline?.fields.length, 2);
});

Deno.test("lists that cannot be are refused", () => {
  refusesBytes(qlist(item), [2], "list marker 2");
  refusesBytes(qlist(item), [1, 1, 2], "the stream ends here");
  const torn = refusesBytes(qlist(item), [1, 1, 2, 1, 3], "ends here");
  assertEquals(torn.location.field, "x[1].late");
  const value = refusesValue(qlist(item), [{ a: 256, late: 0 }], "fit");
  assertEquals(value.location.field, "x[0].a");
});

const key = vmstate("key", { version: 1 }, { k: u16() });

Deno.test("a tree has its count, then 1, key and value for each node", () => {
  const field = gtree(key, item);
  const value = [{ key: { k: 258 }, value: { a: 3, late: 4 } }];
  const bytes = [0, 0, 0, 1, 1, 1, 2, 3, 4, 0];
  assertEquals(saved(field, value), bytes);
  assertEquals(loaded(field, bytes), value);
  assertEquals(described(field, value), [
    { name: "x", type: "gtree", size: bytes.length },
  ]);
});

Deno.test("a tree's keys can be numbers", () => {
  const field = gtreeDirect(item);
  const value = [{ key: 7n, value: { a: 3, late: 4 } }];
  const bytes = [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 4, 0];
  assertEquals(saved(field, value), bytes);
  assertEquals(loaded(field, bytes), value);
  assertEquals(described(field, value)[0]?.size, bytes.length);
});

Deno.test("trees that cannot be are refused", () => {
  const field = gtree(key, item);
  refusesBytes(field, [0, 0, 0, 2, 1, 0, 7, 3, 4, 0], "2 nodes has 1");
  refusesBytes(field, [0, 0, 0, 0, 1, 0, 7, 3, 4, 0], "0 nodes has more");
  refusesBytes(field, [0xff, 0xff, 0xff, 0xff, 0], "has 0");
  refusesBytes(field, [0, 0, 0, 1, 7], "list marker 7");
  const torn = refusesBytes(field, [0, 0, 0, 1, 1, 0], "ends here");
  assertEquals(torn.location.field, "x[0].k");
  const value = refusesValue(
    field,
    [{ key: { k: -1 }, value: { a: 0, late: 0 } }],
    "does not fit",
  );
  assertEquals(value.location.field, "x[0].k");
});

Deno.test("hooks run: preSave before the fields, postLoad at the end", () => {
  const calls: string[] = [];
  const hooked = vmstate("hooked", { version: 4, minimumVersion: 2 }, {
    a: u8(),
  }, {
    subsections: { sub: vmstate("hooked/sub", { version: 1 }, { s: u8() }) },
    preSave(value) {
      calls.push("preSave");
      value.a = 7;
    },
    postLoad(value, version) {
      calls.push(`postLoad ${value.a} ${value.sub?.s} ${version}`);
    },
  });
  const sink = new Sink();
  const value: Value<typeof hooked> = { a: 1, sub: { s: 2 } };
  saveState(hooked, value, sink);
  describeState(hooked, value);
  loadState(hooked, new Source(sink.toBytes()), { version: 3 });
  assertEquals(calls, ["preSave", "postLoad 7 2 3"]);
});

Deno.test("describing runs no hook, however deep", () => {
  let calls = 0;
  const hooked = vmstate("hooked", { version: 1 }, { a: u8() }, {
    preSave: () => calls++,
  });
  const outer = vmstate("outer", { version: 1 }, {
    one: struct(hooked),
    list: qlist(hooked),
    tree: gtree(hooked, hooked),
    temporary: temporary(hooked),
  });
  const value: Value<typeof outer> = {
    one: { a: 1 },
    list: [{ a: 1 }],
    tree: [{ key: { a: 1 }, value: { a: 1 } }],
    temporary: { a: 1 },
  };
  describeState(outer, value);
  assertEquals(calls, 0);
});

Deno.test("a hook's refusal names the place", () => {
  const hooked = vmstate("hooked", { version: 1 }, { a: u8() }, {
    postLoad() {
      throw new InvalidValue("a is not to my liking");
    },
  });
  const error = refusesBytes(struct(hooked), [1], "a is not to my liking");
  assertEquals(error.location.field, "x");
});

Deno.test("a condition decides in place of the version", () => {
  const state = vmstate("t", { version: 2, minimumVersion: 1 }, {
    kind: u8(),
    wide: u16({ since: 9, when: ({ kind }, version) => kind === version }),
  });
  assertEquals(loaded(struct(state), [2, 0, 5]), { kind: 2, wide: 5 });
  assertEquals(loaded(struct(state), [1]), { kind: 1, wide: 0 });
  assertEquals(saved(struct(state), { kind: 1, wide: 5 }), [1]);
});

Deno.test("descriptions that would load wrongly cannot be made", () => {
  const clash = vmstate("dev/a", { version: 1 }, { b: u8() });
  assertThrows(
    () =>
      vmstate("dev", { version: 1 }, { a: u8() }, {
        subsections: { a: clash },
      }),
    TypeError,
    "has the property of a field",
  );
  assertThrows(
    () => vmstate("dev", { version: 1 }, { a: u8(), "0": u8() }),
    TypeError,
    'Field "0" of "dev" would change place',
  );
});

Deno.test("vmdesc puts subsections after the fields", () => {
  assertEquals(
    Object.keys(vmsdJson(describeState(part, { a: 1, sub: { s: 2 } }))),
    ["vmsd_name", "version", "fields", "subsections"],
  );
});
