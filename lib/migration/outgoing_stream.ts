import type { OutgoingFile } from "../channel/mod.ts";
import { Sink } from "../stream/mod.ts";
import type { MigrationCapabilities } from "./capabilities.ts";
import { globalState, globalStateOf } from "./global_state.ts";
import type { MigrationHost } from "./host.ts";
import type { MigrationMode } from "./parameters.ts";
import type { RunState } from "./run_state.ts";
import { Command, StreamWriter, uuidBytes } from "./stream/mod.ts";

const PAGE_SIZE = 4096;

/** RAM is section 1; devices follow, globalstate is last. */
const RAM_SECTION_ID = 1;

/** Writes the stream of a machine to a file, in QEMU's order. */
export class OutgoingStream {
  readonly #sink = new Sink();
  readonly #writer = new StreamWriter(this.#sink);

  constructor(
    private readonly host: MigrationHost,
    private readonly file: OutgoingFile,
    private readonly capabilities: MigrationCapabilities,
  ) {}

  /** Header, configuration, RAMBlock list, and RAM unless it is preserved. */
  writeSetup(mode: MigrationMode): void {
    const { machineType, uuid } = this.host;
    const sendUuid = uuid !== undefined &&
      this.capabilities.has("validate-uuid");
    this.#writer.header();
    this.#writer.configuration({
      machine: machineType,
      ...sendUuid ? { uuid: uuidBytes(uuid) } : {},
    });
    const blocks = this.host.ramBlocks()
      .map(({ name, usedLength }) => ({ name, usedLength }));
    this.#writer.ramSetup(blocks, RAM_SECTION_ID);
    if (mode !== "cpr-exec" && mode !== "cpr-transfer") this.#writeRam();
    this.#flush();
  }

  /** The end of RAM, every device, globalstate, and vmdesc. */
  writeDevices(runState: RunState): void {
    this.#writer.command(Command.SWITCHOVER_START);
    this.#writer.ramEnd();
    let sectionId = RAM_SECTION_ID;
    for (const device of this.host.devices()) {
      this.#writer.deviceFull({
        sectionId: ++sectionId,
        idstr: device.idstr,
        instanceId: device.instanceId,
        state: device.state,
        value: device.save(),
      });
    }
    this.#writer.deviceFull({
      sectionId: ++sectionId,
      idstr: globalState.name,
      instanceId: 0,
      state: globalState,
      value: globalStateOf(runState),
    });
    this.#writer.end();
    this.#flush();
  }

  #writeRam(): void {
    for (const { name, bytes } of this.host.ramBlocks()) {
      for (let offset = 0; offset < bytes.length; offset += PAGE_SIZE) {
        const page = bytes.subarray(offset, offset + PAGE_SIZE);
        this.#writer.page(name, offset, page);
      }
    }
  }

  #flush(): void {
    this.file.write(this.#sink.drain());
  }
}
