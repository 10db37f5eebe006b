import { createMemfd } from "../../ffi/memfd.ts";
import { CprRegistry } from "../../lib/cpr/mod.ts";
import { Machine } from "../../lib/machine/machine.ts";
import { MainLoop } from "../../lib/machine/main_loop.ts";
import {
  type MachineOptions,
  parseMachineOptions,
} from "../../lib/machine/options.ts";
import {
  applyStream,
  type DeviceEntry,
  type RunState,
} from "../../lib/migration/mod.ts";
import { Sink, Source } from "../../lib/stream/mod.ts";
import { loadState, saveState } from "../../lib/vmstate/mod.ts";
import type { Captured } from "./captured.ts";

/** Every device's state. */
export type States = readonly {
  readonly device: string;
  readonly bytes: Uint8Array;
}[];

/** What differs between two states: how often, and in which devices. */
export function compare(a: States, b: States) {
  const bytes = a.flatMap(({ bytes }, index) =>
    differences(bytes, b[index]?.bytes ?? new Uint8Array())
  );
  const devices = a.filter(({ bytes }, index) =>
    differences(bytes, b[index]?.bytes ?? new Uint8Array()).length > 0
  ).map(({ device }) => device);
  return { bytes, devices };
}

/** The exclusive or of each byte that differs; NaN where one has none. */
function differences(a: Uint8Array, b: Uint8Array): number[] {
  const found = a.length === b.length ? [] : [NaN];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) ^ (b[at] ?? 0);
    if (difference !== 0) found.push(difference);
  }
  return found;
}

/** The options of a captured machine, as its successor has them. */
export function optionsOf(captured: Captured): MachineOptions {
  const words = captured.argv.slice(captured.argv.indexOf("machine") + 1);
  return parseMachineOptions([...words, "-incoming", "defer"]);
}

/** A machine in this process that loads one stream after another. */
export class Bench implements Disposable {
  readonly #loop = new MainLoop();
  readonly #machine: Machine;
  readonly #devices: readonly DeviceEntry[];
  /** State of a machine that never ran. */
  readonly blank: States;

  constructor(captured: Captured) {
    const registry = new CprRegistry();
    for (const [name, bytes] of captured.ram) {
      const memfd = createMemfd(name);
      memfd.writeAll(bytes);
      registry.save(name, 0, memfd.release());
    }
    this.#machine = new Machine(optionsOf(captured), {
      loop: this.#loop,
      serial: () => {},
      onEvent: () => {},
      onListening: () => {},
      warn: () => {},
      die: () => {},
      flush: () => Promise.resolve(),
      preserved: registry,
    });
    this.#devices = this.#machine.devices();
    this.blank = this.state();
  }

  /** The devices' states as a stream has them. */
  state(): States {
    return this.#devices.map(({ idstr, state, save }) => {
      const sink = new Sink();
      saveState(state, save(), sink);
      return { device: idstr, bytes: sink.toBytes() };
    });
  }

  /** Makes it a machine that never ran. */
  reset(): void {
    for (const [index, { state, load }] of this.#devices.entries()) {
      const source = new Source(this.blank[index]?.bytes ?? new Uint8Array());
      load(loadState(state, source));
    }
  }

  /**
   * Loads a stream.
   *
   * @returns the run state that it says
   */
  load(stream: Uint8Array<ArrayBuffer>): RunState {
    const { capabilities } = this.#machine;
    return applyStream(stream, this.#machine, "preserved", capabilities);
  }

  /** Contents of a block. */
  ram(name: string): Uint8Array | undefined {
    return this.#machine.ramBlocks().find((it) => it.name === name)?.bytes;
  }

  [Symbol.dispose](): void {
    for (const block of this.#machine.ramBlocks()) block[Symbol.dispose]();
    this.#loop[Symbol.dispose]();
  }
}
