import { assertEquals } from "@std/assert";
import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import {
  DIGEST_QUEUE,
  DIGEST_REGISTER,
  DIGEST_STATUS,
  DigestEngine,
  type DigestState,
  digestState,
} from "../../../lib/machine/devices/mod.ts";
import { assertRefused, TestClock, throughStream } from "./round_trip.ts";

const { address, length, result, submit, status, completed } = DIGEST_REGISTER;

class TestEngine {
  readonly clock = new TestClock();
  readonly ram = new Uint8Array(4096);
  readonly dirty = new Uint8Array(1);
  engine = new DigestEngine(this.clock.read, this.ram, this.dirty);

  request(at: number, size: number, to: number): void {
    this.engine.write(address, 4, at);
    this.engine.write(length, 4, size);
    this.engine.write(result, 4, to);
    this.engine.write(submit, 4, 1);
  }

  get(register: number): number | undefined {
    return this.engine.read(register, 4);
  }

  word(at: number): number {
    return new DataView(this.ram.buffer).getUint32(at - RAM_BASE, true);
  }
}

/** The digest as its definition says, on exact integers. */
function fnv1a(words: readonly number[]): number {
  const digest = words.reduce(
    (sum, word) => ((sum ^ BigInt(word)) * 0x0100_0193n) & 0xffff_ffffn,
    0x811c_9dc5n,
  );
  return Number(digest);
}

Deno.test("digest: takes its time, then writes, counts and interrupts", () => {
  const engine = new TestEngine();
  new DataView(engine.ram.buffer).setUint32(0, 0xdead_beef, true);
  new DataView(engine.ram.buffer).setUint32(4, 0x0102_0304, true);
  engine.request(RAM_BASE, 8, RAM_BASE + 0x100);
  assertEquals(engine.engine.nextDeadline(), 2000n);
  engine.clock.now = 1999n;
  assertEquals([engine.get(status), engine.engine.interrupt], [1, false]);
  assertEquals(engine.word(RAM_BASE + 0x100), 0);
  assertEquals(engine.dirty[0], 0);
  engine.clock.now = 2000n;
  assertEquals(engine.engine.interrupt, true);
  assertEquals(engine.dirty[0], 1);
  assertEquals(engine.get(status), DIGEST_STATUS.interrupt);
  assertEquals(engine.get(completed), 1);
  assertEquals(
    engine.word(RAM_BASE + 0x100),
    fnv1a([0xdead_beef, 0x0102_0304]),
  );
  engine.engine.write(status, 4, DIGEST_STATUS.interrupt);
  assertEquals([engine.get(status), engine.engine.interrupt], [0, false]);
  assertEquals(engine.engine.nextDeadline(), null);
});

Deno.test("digest: works off its queue in order, also when late", () => {
  const engine = new TestEngine();
  engine.request(RAM_BASE, 4, RAM_BASE + 0x100);
  engine.request(RAM_BASE + 0x100, 8, RAM_BASE + 0x104);
  engine.clock.now = 1000n;
  assertEquals([engine.get(status), engine.engine.nextDeadline()], [
    0x101,
    3000n,
  ]);
  engine.clock.now = 1_000_000n;
  assertEquals([engine.get(status), engine.get(completed)], [0x100, 2]);
  const first = fnv1a([0]);
  assertEquals(engine.word(RAM_BASE + 0x100), first);
  assertEquals(engine.word(RAM_BASE + 0x104), fnv1a([first, 0]));
});

Deno.test("digest: an empty range has the basis", () => {
  const engine = new TestEngine();
  engine.request(RAM_BASE, 0, RAM_BASE);
  assertEquals(engine.get(completed), 1);
  assertEquals(engine.word(RAM_BASE), 0x811c_9dc5);
});

const REFUSED: readonly [string, number, number, number][] = [
  ["an odd address", RAM_BASE + 1, 4, RAM_BASE],
  ["an odd length", RAM_BASE, 3, RAM_BASE],
  ["an odd result", RAM_BASE, 4, RAM_BASE + 2],
  ["an address below RAM", RAM_BASE - 4, 4, RAM_BASE],
  ["a range that leaves RAM", RAM_BASE + 4092, 8, RAM_BASE],
  ["a result behind RAM", RAM_BASE, 4, RAM_BASE + 4096],
  ["a length beyond 1 MiB", RAM_BASE, 0x10_0004, RAM_BASE],
  ["a length that wraps", RAM_BASE + 4, 0xffff_fffc, RAM_BASE],
];

for (const [what, at, size, to] of REFUSED) {
  Deno.test(`digest: refuses ${what}`, () => {
    const engine = new TestEngine();
    engine.request(at, size, to);
    assertEquals(
      engine.get(status),
      DIGEST_STATUS.error | DIGEST_STATUS.interrupt,
    );
    engine.engine.write(
      status,
      4,
      DIGEST_STATUS.error | DIGEST_STATUS.interrupt,
    );
    assertEquals([engine.get(status), engine.get(completed)], [0, 0]);
  });
}

Deno.test("digest: refuses what does not fit the queue", () => {
  const engine = new TestEngine();
  for (let count = 0; count <= DIGEST_QUEUE; count++) {
    engine.request(RAM_BASE, 4, RAM_BASE);
  }
  assertEquals(
    engine.get(status),
    DIGEST_QUEUE | DIGEST_STATUS.error | DIGEST_STATUS.interrupt,
  );
});

Deno.test("digest: words only", () => {
  const { engine } = new TestEngine();
  assertEquals(engine.read(status, 1), undefined);
  assertEquals(engine.write(status, 2, 0), false);
});

Deno.test("digest: a queue moves in the middle of its work", () => {
  const engine = new TestEngine();
  engine.request(RAM_BASE, 8, RAM_BASE + 0x100);
  engine.request(RAM_BASE + 8, 4, RAM_BASE + 0x104);
  engine.clock.now = 500n;
  const value = throughStream(digestState, engine.engine.snapshot());
  assertEquals([value.requestCount, value.deadline], [2, 2000n]);
  engine.engine = new DigestEngine(engine.clock.read, engine.ram);
  engine.engine.restore(value);
  assertEquals(engine.get(address), RAM_BASE + 8);
  engine.clock.now = 3000n;
  assertEquals(engine.get(completed), 2);
  assertEquals(engine.word(RAM_BASE + 0x104), fnv1a([0]));
  engine.engine.reset();
  assertEquals(engine.engine.snapshot(), new TestEngine().engine.snapshot());
});

Deno.test("digest: a request that does not fit this RAM fails harmlessly", () => {
  const engine = new TestEngine();
  const request = { address: RAM_BASE, length: 8192, result: RAM_BASE };
  engine.engine.restore({
    ...engine.engine.snapshot(),
    requestCount: 1,
    requests: [request],
    deadline: 10n,
  });
  engine.clock.now = 10n;
  assertEquals(
    [engine.get(status), engine.get(completed)],
    [DIGEST_STATUS.error | DIGEST_STATUS.interrupt, 0],
  );
});

const ONE = { address: RAM_BASE, length: 4, result: RAM_BASE };

const IMPOSSIBLE: readonly [string, Partial<DigestState>][] = [
  ["requestCount", {
    requestCount: 9,
    requests: Array(9).fill(ONE),
    deadline: 1n,
  }],
  ["deadline", { deadline: 1n }],
  ["deadline", { requestCount: 1, requests: [ONE] }],
  ["deadline", { requestCount: 1, requests: [ONE], deadline: -2n }],
  ["address", { requestCount: 1, requests: [{ ...ONE, address: 1 }] }],
  ["length", { requestCount: 1, requests: [{ ...ONE, length: 2 }] }],
  ["length", { requestCount: 1, requests: [{ ...ONE, length: 0x20_0000 }] }],
  ["result", { requestCount: 1, requests: [{ ...ONE, result: 3 }] }],
];

for (const [index, [field, change]] of IMPOSSIBLE.entries()) {
  Deno.test(`digest: impossible state ${index} is refused for ${field}`, () => {
    const { engine } = new TestEngine();
    assertRefused(digestState, { ...engine.snapshot(), ...change }, field);
  });
}
