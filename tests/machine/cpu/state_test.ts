import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type HartState, hartState } from "../../../lib/machine/cpu/mod.ts";
import { Sink, Source } from "../../../lib/stream/mod.ts";
import {
  loadState,
  saveState,
  VmstateError,
} from "../../../lib/vmstate/mod.ts";
import { TestHart } from "./harness.ts";

const word = fc.nat({ max: 0xffff_ffff });
const counter = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const aligned = word.map((value) => (value & ~3) >>> 0);

const anyHart: fc.Arbitrary<HartState> = fc.record({
  pc: aligned,
  x: fc.array(word, { minLength: 31, maxLength: 31 })
    .map((registers) => [0, ...registers]),
  trap: fc.record({
    mstatus: fc.constantFrom(0x1800, 0x1808, 0x1880, 0x1888),
    mie: word.map((value) => value & 0x888),
    mtvec: word.map((value) => (value & ~2) >>> 0),
    mscratch: word,
    mepc: aligned,
    mcause: word.map((value) => (value & 0x8000_000f) >>> 0),
    mtval: word,
  }),
  cycles: counter,
  instret: counter,
  waiting: fc.boolean(),
  reservation: fc.record({ address: aligned }),
}, {
  requiredKeys: ["pc", "x", "trap", "cycles", "instret", "waiting"],
}) as fc.Arbitrary<HartState>;

function saved(state: HartState): Uint8Array {
  const sink = new Sink();
  saveState(hartState, state, sink);
  return sink.toBytes();
}

Deno.test("hart state: through the stream and a hart, nothing changes", () => {
  fc.assert(fc.property(anyHart, (state) => {
    const { hart } = new TestHart("nop");
    hart.restore(loadState(hartState, new Source(saved(state))));
    assertEquals(hart.snapshot(), state);
  }));
});

Deno.test("hart state: a snapshot is a copy", () => {
  const hart = new TestHart(`
    ecall
    ecall
  `);
  const before = hart.state;
  const kept = structuredClone(before);
  hart.run();
  assertEquals(before, kept);
  hart.hart.restore(before);
  hart.run();
  assertEquals(before, kept);
});

/** A state with one field changed to what no hart can have. */
const IMPOSSIBLE: readonly [string, (state: HartState) => void][] = [
  ["pc", (state) => state.pc = 0x8000_0002],
  ["x[0]", (state) => state.x[0] = 1],
  ["mstatus", (state) => state.trap.mstatus |= 1],
  ["mstatus", (state) => state.trap.mstatus = 0x0800],
  ["mie", (state) => state.trap.mie = 1],
  ["mtvec", (state) => state.trap.mtvec = 2],
  ["mepc", (state) => state.trap.mepc = 1],
  ["mcause", (state) => state.trap.mcause = 16],
  ["address", (state) => state.reservation = { address: 1 }],
];

for (const [name, change] of IMPOSSIBLE) {
  Deno.test(`hart state: an impossible ${name} is refused by name`, () => {
    const state = new TestHart("nop").state;
    change(state);
    const error = assertThrows(
      () => loadState(hartState, new Source(saved(state))),
      VmstateError,
    );
    assert(error.message.includes(`"${name}"`), error.message);
  });
}
