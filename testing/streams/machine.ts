/** A small machine whose streams the tests write, break and load. */

import {
  Command,
  loadStream,
  type LoadTarget,
  type SaveStateEntry,
  StreamWriter,
} from "../../lib/migration/stream/mod.ts";
import {
  array,
  bool,
  struct,
  timer,
  u16,
  u32,
  u8,
  type Value,
  varray,
  vmstate,
} from "../../lib/vmstate/mod.ts";

const timeout = vmstate("uart/timeout", { version: 1 }, { deadline: timer() });
const baud = vmstate("baud", { version: 1 }, { divisor: u16(), fine: bool() });
export const uartState = vmstate("uart", { version: 2, minimumVersion: 1 }, {
  ier: u8(),
  mcr: u8({ since: 2 }),
  rxCount: u32(),
  rx: varray(u8(), "rxCount"),
  baud: struct(baud),
}, { subsections: { timeout } });
/** The same device as an older program knows it. */
export const olderUartState = vmstate("uart", { version: 1 }, {
  ier: u8(),
  rxCount: u32(),
  rx: varray(u8(), "rxCount"),
  baud: struct(baud),
});
export const clockState = vmstate("clock", { version: 1 }, {
  alarms: array(timer(), 2),
});

export const uart: Value<typeof uartState> = {
  ier: 1,
  mcr: 2,
  rxCount: 2,
  rx: [65, 66],
  baud: { divisor: 12, fine: true },
  timeout: { deadline: 7n },
};
export const clock: Value<typeof clockState> = { alarms: [1n, null] };

export const BLOCKS = [
  { name: "ram0", usedLength: 0x4000 },
  { name: "boot.rom", usedLength: 0x1000 },
];
export const MACHINE = "virt-1.0";

/** The parts of a stream, to write it with one left out or put twice. */
export const PARTS = {
  header: (writer: StreamWriter) => writer.header(),
  configuration: (writer: StreamWriter) =>
    writer.configuration({ machine: MACHINE }),
  ramSetup: (writer: StreamWriter) => writer.ramSetup(BLOCKS),
  pages: (_writer: StreamWriter) => {},
  switchover: (writer: StreamWriter) =>
    writer.command(Command.SWITCHOVER_START),
  ramEnd: (writer: StreamWriter) => writer.ramEnd(),
  uart: (writer: StreamWriter) =>
    writer.deviceFull({
      sectionId: 3,
      idstr: "uart",
      instanceId: 0,
      state: uartState,
      value: uart,
    }),
  clock: (writer: StreamWriter) =>
    writer.deviceFull({
      sectionId: 2,
      idstr: "0000:00:01.0/clock",
      instanceId: 4,
      state: clockState,
      value: clock,
    }),
  end: (writer: StreamWriter) => writer.end(),
};

type Parts = Partial<
  Record<keyof typeof PARTS, (writer: StreamWriter) => void>
>;

/** A stream of the machine, some of its parts written differently. */
export function written(changes: Parts = {}): Uint8Array<ArrayBuffer> {
  const writer = new StreamWriter();
  for (const write of Object.values({ ...PARTS, ...changes })) write(writer);
  return writer.sink.toBytes();
}

/** Writes nothing. */
export function left(): void {}

/** Loads a stream; what arrived, in order. */
export function loaded(
  bytes: Uint8Array,
  changes: Partial<LoadTarget> = {},
): unknown[] {
  const values: unknown[] = [];
  const entries: SaveStateEntry[] = [
    {
      idstr: "uart",
      instanceId: 0,
      state: uartState,
      load: (value) => values.push(value),
    },
    {
      idstr: "0000:00:01.0/clock",
      instanceId: 4,
      state: clockState,
      load: (value) => values.push(value),
    },
  ];
  try {
    loadStream(bytes, {
      machine: MACHINE,
      entries,
      ram: { blocks: BLOCKS },
      ...changes,
    });
  } catch (error) {
    if (values.length > 0) throw new Error("a refused stream was applied");
    throw error;
  }
  return values;
}

/** The index of a byte pattern, which must be there. */
export function indexOf(bytes: Uint8Array, pattern: Uint8Array): number {
  for (let at = 0; at + pattern.length <= bytes.length; at++) {
    if (pattern.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  throw new Error("no such bytes");
}
