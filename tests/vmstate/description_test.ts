import { assertEquals, assertThrows } from "@std/assert";
import { Sink, Source } from "../../lib/stream/mod.ts";
import {
  array,
  bool,
  describeState,
  InvalidValue,
  loadState,
  saveState,
  struct,
  timer,
  u16,
  u32,
  u8,
  type Value,
  varray,
  vmsdJson,
  vmstate,
  VmstateError,
} from "../../lib/vmstate/mod.ts";

const timeout = vmstate("uart/timeout", { version: 1 }, { deadline: timer() });
const baud = vmstate("baud", { version: 1 }, { divisor: u16(), fine: bool() });
const uart = vmstate("uart", { version: 2, minimumVersion: 1 }, {
  ier: u8(),
  mcr: u8({ since: 2 }),
  rxCount: u32(),
  rx: varray(u8(), "rxCount"),
  baud: struct(baud),
}, {
  subsections: { timeout },
  postLoad(value) {
    if (value.rxCount > 4) throw new InvalidValue("rxCount is above 4");
  },
});

const sample: Value<typeof uart> = {
  ier: 1,
  mcr: 2,
  rxCount: 2,
  rx: [65, 66],
  baud: { divisor: 12, fine: true },
  timeout: { deadline: 7n },
};
const sampleBytes = Uint8Array.of(
  ...[1, 2, 0, 0, 0, 2, 65, 66, 0, 12, 1],
  ...[5, 12, ...new TextEncoder().encode("uart/timeout"), 0, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 7],
);

function save(value: Value<typeof uart>): Uint8Array {
  const sink = new Sink();
  saveState(uart, value, sink);
  return sink.toBytes();
}

Deno.test("fields, nested struct and subsection are saved in order", () => {
  assertEquals(save(sample), sampleBytes);
});

Deno.test("a value is loaded from the same bytes", () => {
  const source = new Source(sampleBytes);
  assertEquals(loadState(uart, source), sample);
  assertEquals(source.remaining, 0);
});

Deno.test("a subsection without a value is not sent", () => {
  const { timeout: _, ...quiet } = sample;
  assertEquals(save(quiet).length, 11);
});

Deno.test("a field of a later version is absent from an older stream", () => {
  const source = new Source(Uint8Array.of(1, 0, 0, 0, 0, 0, 12, 0));
  const value = loadState(uart, source, { version: 1 });
  assertEquals(value.mcr, 0);
  assertEquals(value.baud, { divisor: 12, fine: false });
});

Deno.test("versions too new and too old are refused", () => {
  for (const version of [0, 3]) {
    assertThrows(
      () => loadState(uart, new Source(sampleBytes), { version }),
      VmstateError,
      `version ${version}`,
    );
  }
});

Deno.test("an error names section, instance, field and offset", () => {
  const source = new Source(sampleBytes.slice(0, 9));
  const error = assertThrows(
    () =>
      loadState(uart, source, { section: "0000:00:01.0/uart", instance: 3 }),
    VmstateError,
  );
  assertEquals(error.location, {
    section: "0000:00:01.0/uart",
    instance: 3,
    field: "baud.divisor",
    offset: 8,
  });
});

Deno.test("postLoad can refuse a value", () => {
  const bytes = Uint8Array.of(1, 2, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 12, 1);
  assertThrows(
    () => loadState(uart, new Source(bytes)),
    VmstateError,
    "rxCount is above 4",
  );
});

Deno.test("a huge count is refused before anything is allocated", () => {
  const bytes = Uint8Array.of(1, 2, 0xff, 0xff, 0xff, 0xff, 1, 2);
  assertThrows(
    () => loadState(uart, new Source(bytes)),
    VmstateError,
    'field "rx"',
  );
});

Deno.test("a subsection of another name ends the description", () => {
  const bytes = sampleBytes.slice();
  bytes[13] = "v".charCodeAt(0);
  const source = new Source(bytes);
  assertEquals(loadState(uart, source).timeout, undefined);
  assertEquals(source.offset, 11);
});

Deno.test("an unknown subsection and a second one are refused", () => {
  const unknown = sampleBytes.slice();
  unknown[24] = "x".charCodeAt(0);
  assertThrows(
    () => loadState(uart, new Source(unknown)),
    VmstateError,
    'subsection "uart/timeoux" is not known',
  );
  const twice = Uint8Array.of(...sampleBytes, ...sampleBytes.slice(11));
  assertThrows(
    () => loadState(uart, new Source(twice)),
    VmstateError,
    "comes twice",
  );
});

Deno.test("every truncation is an error and none hangs", () => {
  for (let length = 0; length < 11; length++) {
    assertThrows(
      () => loadState(uart, new Source(sampleBytes.slice(0, length))),
      VmstateError,
    );
  }
});

Deno.test("a subsection must be named after its parent", () => {
  const foreign = vmstate("other", { version: 1 }, { a: u8() });
  assertThrows(
    () => vmstate("uart", { version: 1 }, {}, { subsections: { foreign } }),
    TypeError,
    "uart/",
  );
});

Deno.test("needed decides whether a subsection is sent", () => {
  const irq = vmstate("dev/irq", { version: 1 }, { level: u8() });
  const dev = vmstate("dev", { version: 1 }, { pending: bool() }, {
    subsections: { irq },
    needed: { irq: (value) => value.pending },
  });
  const sink = new Sink();
  saveState(dev, { pending: false, irq: { level: 1 } }, sink);
  assertEquals(sink.toBytes(), Uint8Array.of(0));
});

Deno.test("vmdesc lists what was sent, arrays compressed", () => {
  const inner = vmstate("pair", { version: 1 }, { a: u8(), b: u8() });
  const outer = vmstate("outer", { version: 3 }, {
    pairs: array(struct(inner), 2),
    late: u8({ since: 4 }),
  });
  const value = { pairs: [{ a: 1, b: 2 }, { a: 3, b: 4 }], late: 0 };
  assertEquals(vmsdJson(describeState(outer, value)), {
    vmsd_name: "outer",
    version: 3,
    fields: [{
      name: "pairs",
      array_len: 2,
      type: "struct",
      struct: {
        vmsd_name: "pair",
        version: 1,
        fields: [{ name: "a", type: "uint8", size: 1 }, {
          name: "b",
          type: "uint8",
          size: 1,
        }],
      },
      size: 2,
    }],
  });
});
