/** The stream of the embedded machine, written and read again. */

import { AUX_RAM, Platform } from "../../lib/machine/devices/mod.ts";
import { guestProgram } from "../../lib/machine/guest/mod.ts";
import {
  Command,
  loadStream,
  StreamWriter,
} from "../../lib/migration/stream/mod.ts";

const MACHINE = "virt";
const RAM_BYTES = 1024 * 1024;
const BLOCKS = [{ name: "ram0", usedLength: RAM_BYTES }];
/** Enough for the guest to have set every device up. */
const INSTRUCTIONS = 1_000_000;

/** A platform on which the guest runs, and its state as a stream. */
export class EmbeddedStream {
  readonly #platform: Platform;

  constructor() {
    const ram = new Uint8Array(RAM_BYTES);
    ram.set(guestProgram());
    this.#platform = new Platform({
      ram,
      auxRam: new Uint8Array(AUX_RAM.size),
      clock: () => 0n,
      serial: () => {},
    });
    this.#platform.run(INSTRUCTIONS);
  }

  /** Every device's VMState and the description. */
  save(): Uint8Array<ArrayBuffer> {
    const writer = new StreamWriter();
    writer.header();
    writer.configuration({ machine: MACHINE });
    writer.ramSetup(BLOCKS);
    writer.command(Command.SWITCHOVER_START);
    writer.ramEnd();
    let sectionId = 1;
    for (const { idstr, instanceId, state, save } of this.#platform.devices()) {
      const value = save();
      writer.deviceFull({
        sectionId: ++sectionId,
        idstr,
        instanceId,
        state,
        value,
      });
    }
    writer.end();
    return writer.sink.toBytes();
  }

  /** Loads such a stream, as strictly as the machine does. */
  load(bytes: Uint8Array): void {
    loadStream(bytes, {
      machine: MACHINE,
      entries: this.#platform.devices(),
      ram: { blocks: BLOCKS },
    });
  }
}
