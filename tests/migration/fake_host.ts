import { CprRegistry } from "../../lib/cpr/mod.ts";
import {
  CprExec,
  defaultParameters,
  type DeviceEntry,
  MigrationBlockers,
  MigrationCapabilities,
  type MigrationHost,
  MigrationNotifiers,
  type MigrationSetup,
  type RunState,
} from "../../lib/migration/mod.ts";
import { u32, type Value, vmstate } from "../../lib/vmstate/mod.ts";

const counterState = vmstate("counter", { version: 1 }, { count: u32() });

/** A machine of one device and one RAMBlock that writes down what happens. */
export class FakeHost implements MigrationHost {
  readonly machineType = "fake";
  uuid: string | undefined;
  runState: RunState = "running";
  readonly log: string[] = [];
  readonly ram: Uint8Array<ArrayBuffer>;
  readonly dirty: Uint8Array;
  isSharedFile = false;
  /** What the guest does in a pass over its RAM. */
  onPass: (pass: number) => void = () => {};
  device: Value<typeof counterState> = { count: 42 };

  constructor(pages = 2) {
    this.ram = new Uint8Array(pages * 4096);
    this.dirty = new Uint8Array(pages);
  }

  /** A store of the guest. */
  store(place: number, value: number): void {
    this.ram[place] = value;
    this.dirty[Math.floor(place / 4096)] = 1;
  }

  ramBlocks() {
    const { ram: bytes, dirty, isSharedFile } = this;
    const usedLength = bytes.length;
    const guestAddress = 0x8000_0000;
    return [
      { name: "ram0", usedLength, bytes, dirty, guestAddress, isSharedFile },
    ];
  }

  devices(): DeviceEntry[] {
    const entry: DeviceEntry<Value<typeof counterState>> = {
      idstr: "counter",
      instanceId: 0,
      state: counterState,
      save: () => this.device,
      load: (value) => {
        this.device = value;
      },
    };
    return [entry];
  }

  stop(state: RunState): void {
    if (this.runState === "running") this.log.push("STOP");
    this.runState = state;
  }

  resume(state: RunState): void {
    if (state === "running") this.log.push("RESUME");
    this.runState = state;
  }

  emitStatus(status: string): void {
    this.log.push(status);
  }

  emitPass(pass: number): void {
    this.log.push(`pass ${pass}`);
    this.onPass(pass);
  }

  defer(task: () => void): void {
    queueMicrotask(task);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

/** A host with everything that its migrations need. */
export function setupOf(host: FakeHost): MigrationSetup & {
  readonly registry: CprRegistry;
} {
  const registry = new CprRegistry();
  const notifiers = new MigrationNotifiers();
  return {
    host,
    registry,
    notifiers,
    parameters: defaultParameters(),
    capabilities: new MigrationCapabilities(),
    blockers: new MigrationBlockers(),
    cprExec: new CprExec(registry, notifiers),
    channelOptions: { timeoutMs: 100 },
  };
}
