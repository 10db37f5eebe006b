/**
 * What a real machine left is torn at every byte, and every byte is altered.
 * Each time there is a clear error and nothing was touched; or what the format
 * cannot know was altered: one value, which the machine then has.
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertThrows,
} from "@std/assert";
import { descriptorIsOpen, Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import {
  CPR_EXEC_STATE,
  decodeCprState,
  encodeCprState,
  takeCprState,
} from "../../../lib/cpr/mod.ts";
import { CprctlError } from "../../../lib/errors.ts";
import { AUX_RAM } from "../../../lib/machine/devices/mod.ts";
import { makeRam } from "../../../lib/machine/ram.ts";
import { MigrationBlockers } from "../../../lib/migration/mod.ts";
import {
  alterations,
  Bench,
  capture,
  type Captured,
  compare,
  Lab,
  optionsOf,
} from "../../../testing/machine/mod.ts";

/** Enough for every device to have been at work. */
const TICKS = 25;

/** The message of a refusal; undefined when there was none. */
function refusalOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    assertInstanceOf(error, CprctlError);
    return error.message;
  }
}

/** Where the description of the stream begins: its type, and its size. */
function descriptionOf(stream: Uint8Array): number {
  const text = new TextDecoder("latin1").decode(stream);
  const brace = text.indexOf('{"configuration"');
  assert(brace > 5);
  return brace - 5;
}

Deno.test("a damaged state file is refused whole, or one value is altered", async (t) => {
  await using lab = await Lab.open();
  const captured = await capture(lab, TICKS);
  const { stream } = captured;
  using bench = new Bench(captured);
  assertEquals(bench.load(stream), "running");
  const good = bench.state();
  assert(compare(good, bench.blank).bytes.length > 50);
  const isUntouched = () =>
    compare(bench.state(), bench.blank).devices.length === 0;
  bench.reset();

  await t.step("torn at every byte", () => {
    for (let length = 0; length < stream.length; length++) {
      const refusal = refusalOf(() => bench.load(stream.slice(0, length)));
      assertMatch(refusal ?? "accepted", /^Cannot load /);
      assert(isUntouched());
    }
  });

  await t.step("every byte altered", () => {
    const description = descriptionOf(stream);
    const count = { refused: 0, value: 0, time: 0, described: 0 };
    for (const { at, mask, damaged } of alterations(stream)) {
      const where = `offset ${at}, mask ${mask}`;
      let runState: string | undefined;
      const refusal = refusalOf(() => {
        runState = bench.load(damaged);
      });
      if (refusal !== undefined) {
        assertMatch(refusal, /^Cannot (load|decode) /, where);
        assert(isUntouched(), where);
        count.refused++;
        continue;
      }
      assertEquals(runState, "running", where);
      const { bytes, devices } = compare(bench.state(), good);
      if (at >= description) {
        // Texts that only people read: names of types, of nested fields.
        assertEquals(devices, [], where);
        count.described++;
      } else if (bytes.length === 1) {
        assertEquals(bytes, [mask], where);
        count.value++;
      } else {
        // What is due follows from the clocks.
        assert(devices.length > 0, `${where} was ignored`);
        assertEquals(devices.filter((it) => !TIMEKEEPERS.has(it)), [], where);
        count.time++;
      }
      bench.reset();
    }
    const all = stream.length * 2;
    console.log(
      `${stream.length} bytes, ${all} alterations: ${count.refused} refused ` +
        `(${percent(count.refused, all)}), ${count.value} alter one value, ` +
        `${count.time} the time, ${count.described} only the description`,
    );
    // Whatever the values may be, the frame around them is checked.
    assert(count.refused > all * 0.8);
  });

  await t.step("a device's section cut out", () => {
    for (const name of ["clock", "cpu", "uart", "digest", "globalstate"]) {
      const refusal = refusalOf(() => bench.load(withoutSection(stream, name)));
      assertMatch(refusal ?? "accepted", new RegExp(`vmdesc .*"${name}"`));
      assert(isUntouched());
    }
  });

  await t.step("each malformation has its words", () => {
    const cases: [number, number, RegExp][] = [
      [0, 0xff, /offset 0: not a migration stream: magic 0xae455/i],
      [7, 0x01, /offset 4: stream format version 2 is obsolete/],
      [7, 0xff, /offset 4: unsupported stream format version 252/],
    ];
    for (const [at, mask, words] of cases) {
      const damaged = stream.slice();
      damaged[at] = (damaged[at] ?? 0) ^ mask;
      assertMatch(refusalOf(() => bench.load(damaged)) ?? "accepted", words);
    }
  });

  for (const [name, bytes] of captured.ram) {
    assertEquals(bench.ram(name), bytes, "A refused stream touched RAM");
  }
});

/** Whose state is the time, or has deadlines that are over by another time. */
const TIMEKEEPERS = new Set(["clock", "clint", "uart", "digest"]);

function percent(part: number, whole: number): string {
  return `${(part / whole * 100).toFixed(1)} %`;
}

/** Cuts a section out, from its type byte to the next one's. */
function withoutSection(
  stream: Uint8Array<ArrayBuffer>,
  name: string,
): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder("latin1").decode(stream);
  // A footer ends the one before; this type, and an id below 256, begin it.
  const isStart = (at: number) =>
    stream[at - 5] === 0x7e && stream[at] === 4 && stream[at + 3] === 0;
  const starts = [...stream.keys()].filter(isStart);
  const header = `${String.fromCharCode(name.length)}${name}`;
  const start = starts.find((at) => text.startsWith(header, at + 5)) ?? NaN;
  const end = starts.find((at) => at > start) ?? descriptionOf(stream) - 1;
  return Uint8Array.of(...stream.slice(0, start), ...stream.slice(end));
}

/** A hand-over in this process: descriptors, and the table that names them. */
class HandOver implements Disposable {
  readonly #captured: Captured;
  readonly #numbers: number[] = [];
  readonly table: Uint8Array<ArrayBuffer>;

  constructor(captured: Captured) {
    this.#captured = captured;
    const { descriptors, ...more } = decodeCprState(captured.table);
    const own = descriptors.map((entry) => ({
      ...entry,
      descriptor: this.#descriptor(entry.name),
    }));
    this.table = encodeCprState({ ...more, descriptors: own });
  }

  #descriptor(name: string): number {
    const size = this.#captured.ram.get(name)?.length ?? 0;
    const number = createMemfd(name, { size }).release();
    this.#numbers.push(number);
    return number;
  }

  /** Takes it over with a table, up to the machine's RAM. */
  take(table: Uint8Array<ArrayBuffer>): void {
    const memfd = createMemfd(CPR_EXEC_STATE);
    memfd.writeAll(table);
    const number = `${memfd.release()}`;
    const registry = takeCprState({
      get: () => number,
      delete: () => {},
      toObject: () => ({}),
    });
    assert(registry !== undefined);
    const { ram: { id: name, size, share } } = optionsOf(this.#captured);
    const blocks = [
      { name, size, share, guestAddress: 0 },
      { name: "virt.aux", size: AUX_RAM.size, share: true, guestAddress: 0 },
    ];
    const blockers = new MigrationBlockers();
    for (const block of makeRam(blocks, "preserved", registry, blockers)) {
      block[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const number of this.#numbers) {
      if (descriptorIsOpen(number)) Fd.adopt(number).close();
    }
  }
}

Deno.test("damaged CPR state is refused, whatever the damage", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, TICKS);
  const attempt = (
    damage: (table: Uint8Array<ArrayBuffer>) => typeof table,
  ) => {
    using handOver = new HandOver(captured);
    return refusalOf(() => handOver.take(damage(handOver.table)));
  };
  const { length } = captured.table;
  assertEquals(attempt((table) => table), undefined);

  // What comes last, vfio's part, is optional: older writers know none.
  const withoutVfio = length - 28;
  for (let cut = 0; cut < length; cut++) {
    const refusal = attempt((table) => table.slice(0, cut));
    assertEquals(refusal === undefined, cut === withoutVfio, `cut at ${cut}`);
  }
  let count = 0;
  for (const { at, mask } of alterations(captured.table)) {
    const refusal = attempt((table) => {
      table[at] = (table[at] ?? 0) ^ mask;
      return table;
    });
    assert(refusal !== undefined, `offset ${at}, mask ${mask}`);
    count++;
  }
  console.log(`${length} bytes, ${count} alterations: all refused`);
  const cases: [number, number, RegExp][] = [
    [0, 0xff, /magic is 0xae435052, not "QCPR"/],
    [7, 0xff, /version 254 is not supported/],
  ];
  for (const [at, mask, words] of cases) {
    assertMatch(
      attempt((table) => {
        table[at] = (table[at] ?? 0) ^ mask;
        return table;
      }) ?? "accepted",
      words,
    );
  }
  assertThrows(() => decodeCprState(new Uint8Array()), CprctlError);
});
