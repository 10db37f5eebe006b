import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import fc from "fast-check";
import { type HartState, RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import {
  AUX_RAM,
  digestOf,
  type UartState,
} from "../../../lib/machine/devices/mod.ts";
import {
  guestProgram,
  readGuestStatus,
  STATUS,
  STATUS_WORD,
} from "../../../lib/machine/guest/mod.ts";
import { register } from "../registers.ts";
import { GuestMachine } from "./guest_machine.ts";
import {
  AUX_CANARY_ADDRESS,
  AUX_CANARY_SIZE,
  AUX_TICKS_ADDRESS,
  CANARY_ADDRESS,
  CANARY_SIZE,
  canaryWord,
  GUEST_READY,
  SHADOW,
} from "./layout.ts";

const COUNTER = STATUS + STATUS_WORD.counter;
const TICKS = STATUS + STATUS_WORD.ticks;

function hartOf(machine: GuestMachine): HartState {
  return machine.platform.devices()[0]?.save() as HartState;
}

function loadHart(machine: GuestMachine, state: HartState): void {
  machine.platform.devices()[0]?.load(state);
}

/** What lines say of ticks and counters, in order. */
function lines(output: string): { tick: number; counter: number }[] {
  return [...output.matchAll(/tick (\d{6,}) counter (\d+)\n/g)]
    .map(([, tick, counter]) => ({
      tick: Number(tick),
      counter: Number(counter),
    }));
}

Deno.test("guest: the program ends before its status", () => {
  assertLess(RAM_BASE + guestProgram().length, STATUS);
});

Deno.test("guest: prints every tenth tick, without a gap or a repeat", () => {
  const machine = GuestMachine.start();
  machine.runTicks(105);
  assertEquals(machine.error, "none");
  assertEquals(machine.status("ready"), GUEST_READY);
  assertEquals(
    machine.output,
    Array.from(
      { length: 10 },
      (_, index) => {
        const tick = 10 * (index + 1);
        return `tick ${`${tick}`.padStart(6, "0")} counter ${512 * tick}\n`;
      },
    ).join(""),
  );
});

Deno.test("guest: its state is where the constants say", () => {
  const machine = GuestMachine.start();
  machine.runTicks(20);
  assertGreater(machine.word(TICKS), 10);
  assertEquals(machine.word(TICKS), machine.status("timerTicks"));
  assertEquals(
    machine.word(COUNTER),
    512 * machine.word(TICKS),
  );
  assertEquals(readGuestStatus(machine.ram), {
    counter: BigInt(machine.word(COUNTER)),
    ticks: machine.word(TICKS),
    error: 0,
  });
  const aux = new DataView(machine.auxRam.buffer);
  assertEquals(
    aux.getUint32(AUX_TICKS_ADDRESS - AUX_RAM.base, true),
    machine.word(TICKS),
  );
});

Deno.test("guest: the canaries can be checked from outside", () => {
  const machine = GuestMachine.start();
  machine.runTicks(5);
  const ram = new DataView(machine.ram.buffer);
  for (let at = CANARY_ADDRESS; at < CANARY_ADDRESS + CANARY_SIZE; at += 4) {
    assertEquals(ram.getInt32(at - RAM_BASE, true), canaryWord(at));
  }
  const aux = new DataView(machine.auxRam.buffer);
  for (let offset = 0; offset < AUX_CANARY_SIZE; offset += 4) {
    assertEquals(
      aux.getInt32(offset, true),
      canaryWord(AUX_CANARY_ADDRESS + offset),
    );
  }
  const digest = digestOf(ram, CANARY_ADDRESS - RAM_BASE, CANARY_SIZE) >>> 0;
  assertEquals(machine.status("digestExpected"), digest);
  assertEquals(machine.status("digestResult"), digest);
  assertGreater(machine.status("digests"), 2);
});

Deno.test("guest: waits most of the time, and not when it is to be busy", () => {
  const calm = GuestMachine.start();
  calm.runTicks(50);
  assertLess(calm.executed, 50 * 8000 + 120_000);
  const busy = GuestMachine.ready({ busy: 1 });
  busy.runTicks(50);
  assertGreater(busy.executed, 50 * 90_000);
  assertEquals([calm.error, busy.error], ["none", "none"]);
  assertGreater(busy.status("counter"), 5 * calm.status("counter"));
});

Deno.test("guest: busy can be changed from outside while it runs", () => {
  const machine = GuestMachine.start();
  machine.runTicks(5);
  machine.setWord(STATUS + STATUS_WORD.busy, 1);
  const before = machine.executed;
  machine.runTicks(5);
  assertGreater(machine.executed - before, 400_000);
  assertEquals(machine.error, "none");
});

Deno.test("guest: ticks that the host was late for are made up for", () => {
  const machine = GuestMachine.ready({ printEvery: 1 });
  machine.runTicks(5);
  machine.now += 200_000_000n;
  machine.runTicks(5);
  const ticks = lines(machine.output).map(({ tick }) => tick);
  assertEquals(ticks, Array.from({ length: ticks.length }, (_, i) => i + 1));
  assertGreater(ticks.length, 25);
});

Deno.test("guest: sends back what it receives", () => {
  const machine = GuestMachine.ready({ printEvery: 1_000_000 });
  machine.runTicks(3);
  for (const character of "Hallo!") {
    assert(machine.platform.receive(character.charCodeAt(0)));
  }
  machine.runTicks(2);
  assertEquals(machine.output, "Hallo!");
  assertEquals(machine.status("echoed"), 6);
});

/** How many characters the serial port's FIFO has room for. */
function roomOf(machine: GuestMachine): number {
  const uart = machine.platform.devices().find((it) => it.idstr === "uart");
  return 16 - (uart?.save() as UartState).rxCount;
}

Deno.test("guest: loses no character that its serial port has room for", () => {
  const machine = GuestMachine.ready({ printEvery: 1_000_000 });
  machine.runTicks(2);
  const sent = Array.from({ length: 2000 }, (_, i) => 33 + i % 90);
  let next = 0;
  while (next < sent.length) {
    for (let room = roomOf(machine); room > 0; room--) {
      const byte = sent[next++];
      if (byte !== undefined) assert(machine.platform.receive(byte));
    }
    machine.slice(100); // far less than it takes to send 16 back
  }
  machine.runTicks(5);
  assertEquals(machine.output, String.fromCharCode(...sent));
});

/** Sets the counter everywhere that the guest keeps it. */
function setCounter(machine: GuestMachine, counter: bigint): void {
  const low = Number(BigInt.asUintN(32, counter));
  const high = Number(counter >> 32n);
  const state = hartOf(machine);
  const x = [...state.x];
  for (const [index, word] of [low, high].entries()) {
    x[register(`s${2 + index}`)] = word;
    machine.setWord(COUNTER + 4 * index, word);
    machine.setWord(SHADOW + 4 * index, ~word);
  }
  loadHart(machine, { ...state, x });
}

Deno.test("guest: counts in 64 bits, and prints them in decimal", () => {
  const ready = GuestMachine.ready({ printEvery: 1 });
  const print = (counter: bigint) => {
    const machine = ready.copied();
    setCounter(machine, counter);
    while (!machine.output.endsWith("\n")) machine.slice(100);
    assertEquals(machine.error, "none");
    const next = BigInt.asUintN(64, counter + 512n);
    assertEquals(machine.output, `tick 000001 counter ${next}\n`);
  };
  for (const next of [0n, 9n, 10n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n]) {
    print(BigInt.asUintN(64, next - 512n));
  }
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), print));
});

Deno.test("guest: moved between any two slices, it goes on the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 30 }),
      fc.array(fc.tuple(fc.nat(29), fc.integer({ min: 32, max: 126 })), {
        maxLength: 20,
      }),
      (slices, input) => {
        const start = GuestMachine.ready({ printEvery: 2 });
        start.runTicks(2);
        const straight = start.copied();
        let current = start.copied();
        let output = "";
        for (const [index, slice] of slices.entries()) {
          for (const [at, byte] of input) {
            if (at !== index) continue;
            straight.platform.receive(byte);
            current.platform.receive(byte);
          }
          straight.slice(slice);
          current.slice(slice);
          output += current.output;
          current = current.moved();
        }
        assertEquals(output, straight.output);
        assertEquals(current.save(), straight.save());
        assertEquals(current.ram, straight.ram);
        assertEquals(current.auxRam, straight.auxRam);
        assertEquals(current.error, "none");
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("guest: 200 moves, no tick lost or repeated", () => {
  let machine = GuestMachine.ready({ printEvery: 1 });
  let output = "";
  for (let move = 0; move < 200; move++) {
    machine.runFor(7_300_000n, 777);
    output += machine.output;
    machine = machine.moved();
  }
  const printed = lines(output);
  assertEquals(printed.length, machine.status("ticks"));
  for (const [index, { tick, counter }] of printed.entries()) {
    assertEquals([tick, counter], [index + 1, 512 * (index + 1)]);
  }
  assertEquals(machine.error, "none");
});

/** Damage, and what the guest says of it. */
const DAMAGE: readonly [string, string, (machine: GuestMachine) => void][] = [
  ["a word of the canary", "canary", (machine) => {
    machine.setWord(CANARY_ADDRESS + 0x5554, 0);
    // The engine must not be first, for once.
    const digest = digestOf(
      new DataView(machine.ram.buffer),
      CANARY_ADDRESS - RAM_BASE,
      CANARY_SIZE,
    );
    machine.setWord(STATUS + STATUS_WORD.digestExpected, digest >>> 0);
  }],
  ["the canary as the engine sees it", "digest", (machine) => {
    machine.setWord(CANARY_ADDRESS + CANARY_SIZE - 4, 0);
  }],
  ["the counter", "counter", (machine) => machine.setWord(COUNTER, 1)],
  ["the counter's shadow", "counter", (machine) => {
    machine.setWord(SHADOW + 4, 0);
  }],
  ["the ticks", "ticks", (machine) => machine.setWord(TICKS, 1)],
  ["the ticks' shadow", "ticks", (machine) => machine.setWord(SHADOW + 8, 0)],
  ["auxiliary RAM lost", "auxRam", (machine) => machine.auxRam.fill(0)],
  ["a byte of auxiliary RAM", "auxRam", (machine) => machine.auxRam[1] = 0],
  ["the hart's registers", "ticks", (machine) => {
    const state = hartOf(machine);
    const x = state.x.map((value, index) =>
      index === register("s1") ? value - 1 : value
    );
    loadHart(machine, { ...state, x });
  }],
  ["the engine's request", "digestEngine", (machine) => {
    const engine = machine.platform.devices().at(-1);
    const request = { address: RAM_BASE, length: 0x10_0000, result: RAM_BASE };
    engine?.load({
      ...engine.save(),
      requestCount: 1,
      requests: [request],
      deadline: machine.now + 1000n,
    });
  }],
];

for (const [what, error, damage] of DAMAGE) {
  Deno.test(`guest: notices damage: ${what}`, () => {
    const machine = GuestMachine.start();
    machine.runTicks(12);
    assertEquals(machine.error, "none");
    damage(machine);
    machine.runTicks(40);
    assertEquals(machine.error, error);
    const code = machine.status("error");
    assert(/counter \d+ error \d\n$/.test(machine.output), machine.output);
    assert(machine.output.endsWith(` error ${code}\n`));
  });
}

Deno.test("guest: notices a hart that is older than its memory", () => {
  const machine = GuestMachine.start();
  machine.runTicks(12);
  const states = machine.save();
  machine.runTicks(3);
  machine.load(states);
  machine.runTicks(3);
  assertEquals(machine.error, "ticks");
});

Deno.test("guest: notices memory that is older than its hart", () => {
  const machine = GuestMachine.start();
  machine.runTicks(12);
  const ram = machine.ram.slice();
  machine.runTicks(3);
  machine.ram.set(ram);
  machine.runTicks(3);
  assertEquals(machine.error, "ticks");
});

Deno.test("guest: an unexpected trap is noted and ends it", () => {
  const machine = GuestMachine.start();
  machine.runTicks(3);
  machine.setWord(hartOf(machine).pc, 0);
  assertEquals(machine.platform.run(1000).reason, "wfi");
  assertEquals([machine.error, machine.status("errorDetail")], ["trap", 2]);
  assert(machine.platform.waiting);
});

Deno.test("guest: starts anew after a reset, whatever the memory holds", () => {
  const machine = GuestMachine.start();
  machine.runTicks(25);
  machine.platform.reset();
  machine.output = "";
  machine.runTicks(12);
  assertEquals(lines(machine.output), [{ tick: 10, counter: 5120 }]);
  assertEquals(machine.error, "none");
});
