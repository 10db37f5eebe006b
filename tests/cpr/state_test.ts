import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  type CprState,
  decodeCprState,
  decodeForeignCprState,
  encodeCprState,
  transferredDescriptors,
} from "../../lib/cpr/state.ts";
import { StreamError } from "../../lib/stream/mod.ts";

function sample(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(
    new URL(`../../testing/data/${name}`, import.meta.url),
  );
}

Deno.test("QEMU's CPR state of cpr-exec is read and written back", () => {
  const bytes = sample("cpr-exec-q35-plain.qcpr");
  const state = decodeCprState(bytes);
  assertEquals(state, {
    descriptors: [
      { name: "/rom@etc/acpi/rsdp", id: 0, descriptor: 24 },
      { name: "/rom@etc/acpi/tables", id: 0, descriptor: 22 },
      { name: "pc.bios", id: 0, descriptor: 20 },
      { name: "/rom@etc/table-loader", id: 0, descriptor: 23 },
      { name: "pc.rom", id: 0, descriptor: 21 },
      { name: "ram0", id: 0, descriptor: 12 },
    ],
    vfioDevices: [],
  });
  assertEquals(encodeCprState(state), bytes);
  const rich = sample("cpr-exec-pc-rich.qcpr");
  assertEquals(encodeCprState(decodeCprState(rich)), rich);
});

Deno.test("QEMU's CPR state of cpr-transfer is read and written back", () => {
  const bytes = sample("cpr-transfer-q35.qcpr");
  let arrived = 100;
  const codec = transferredDescriptors(() => arrived++);
  const state = decodeCprState(bytes, codec);
  assertEquals(state.descriptors.map((entry) => entry.descriptor), [
    ...[100, 101, 102, 103, 104, 105],
  ]);
  assertEquals(encodeCprState(state, codec), bytes);
});

Deno.test("every truncation is refused", () => {
  const bytes = sample("cpr-exec-q35-plain.qcpr");
  // The vfio subsection is optional: without it the table is whole as well.
  const whole = new Set([bytes.length, bytes.length - 28]);
  for (let length = 0; length < bytes.length; length++) {
    if (whole.has(length)) continue;
    assertThrows(() => decodeCprState(bytes.slice(0, length)), StreamError);
  }
});

Deno.test("a flipped byte is refused or changes what is read", () => {
  const bytes = sample("cpr-exec-q35-plain.qcpr");
  const right = decodeCprState(bytes);
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ mask;
      let state: CprState;
      try {
        state = decodeCprState(damaged);
      } catch (error) {
        if (error instanceof StreamError) continue;
        throw error;
      }
      assertNotEquals(state, right, `offset ${at} mask ${mask}`);
    }
  }
});

Deno.test("each malformation is named", () => {
  const good = encodeCprState({ descriptors: [] });
  const patched = (at: number, byte: number) => {
    const bytes = good.slice();
    bytes[at] = byte;
    return bytes;
  };
  const cases: [Uint8Array, string][] = [
    [patched(0, 0x58), 'not "QCPR"'],
    [patched(7, 2), "at offset 4: version 2 is not supported"],
    [
      Uint8Array.of(...good, 0),
      `at offset ${good.length}: 1 bytes follow its end`,
    ],
    [new Uint8Array(0), "Stream ends early"],
    [
      Uint8Array.of(...good.slice(0, 8), 1, 0xff, 0xff, 0xff, 0xff),
      "does not hold",
    ],
    [Uint8Array.of(...good.slice(0, 8), 1, 0, 0, 0, 0), "does not hold"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => decodeCprState(bytes), StreamError, message);
  }
  const twice = { name: "ram0", id: 0, descriptor: 3 };
  const entry = 1 + 4 + "ram0\0".length + 4 + 4;
  assertThrows(
    () => decodeCprState(encodeCprState({ descriptors: [twice, twice] })),
    StreamError,
    `at offset ${8 + entry}: "ram0" id 0 is in it twice`,
  );
  const noNul = encodeCprState({ descriptors: [twice] });
  noNul[8 + 1 + 4 + 4] = 0x41;
  assertThrows(() => decodeCprState(noNul), StreamError, "NUL");
});

Deno.test("of a table for another program the list is what counts", () => {
  const bytes = sample("cpr-exec-q35-plain.qcpr");
  const { descriptors } = decodeCprState(bytes);
  assertEquals(decodeForeignCprState(bytes), { descriptors });
  const list = bytes.slice(0, -28);
  const more = new TextEncoder().encode("\x05\x0cCprState/new\0\0\0\x01…");
  for (
    const [tail, oddity] of [
      [more, /"CprState\/new" is not known/],
      [Uint8Array.of(9, 9), /2 bytes follow its end/],
    ] as const
  ) {
    const foreign = decodeForeignCprState(Uint8Array.of(...list, ...tail));
    assertEquals(foreign.descriptors, descriptors);
    assertMatch(foreign.oddity ?? "", oddity);
  }
  for (let length = 0; length < list.length; length++) {
    assertThrows(
      () => decodeForeignCprState(bytes.slice(0, length)),
      StreamError,
    );
  }
});

Deno.test("any table survives", () => {
  const name = fc.string({ minLength: 1, maxLength: 200, unit: "grapheme" })
    .filter((text) => !text.includes("\0") && text.isWellFormed());
  const id = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const u32 = fc.nat({ max: 2 ** 32 - 1 });
  const descriptors = fc.uniqueArray(
    fc.record({ name, id, descriptor: id }, { noNullPrototype: true }),
    { selector: (entry) => `${entry.name}\0${entry.id}` },
  );
  const vfioDevices = fc.array(
    fc.record({ name, deviceId: id, ioasId: u32, hwptId: u32 }, {
      noNullPrototype: true,
    }),
  );
  fc.assert(fc.property(descriptors, vfioDevices, (descriptors, devices) => {
    const state = { descriptors, vfioDevices: devices };
    assertEquals(decodeCprState(encodeCprState(state)), state);
  }));
});
