import type { VmState } from "../vmstate/mod.ts";
import type { RunState } from "./run_state.ts";
import type { MigrationStatus } from "./status.ts";

/** A RAMBlock as the stream lists it. */
export interface RamBlockInfo {
  readonly name: string;
  /** Bytes in use. */
  readonly usedLength: number;
  /** The whole block, as the guest sees it. */
  readonly bytes: Uint8Array;
}

/** A device whose state is a section of the stream. */
export interface DeviceEntry<V extends object = object> {
  readonly idstr: string;
  readonly instanceId: number;
  readonly state: VmState<V>;
  /** The state as it is now; the VM is stopped. */
  save(): V;
  /** Takes on a loaded state; called only when the whole stream was right. */
  load(value: V): void;
}

/** The machine, as its migrations need it. */
export interface MigrationHost {
  /** Machine type, which the other side must have too. */
  readonly machineType: string;
  readonly uuid: string | undefined;
  readonly runState: RunState;
  ramBlocks(): readonly RamBlockInfo[];
  devices(): readonly DeviceEntry[];
  /** Stops the vCPUs if they run (STOP event); then the run state is this. */
  stop(state: RunState): void;
  /** Puts back a run state from before the migration (RESUME event). */
  resume(state: RunState): void;
  /** Tells the outside of a new status, if it asked for such events. */
  emitStatus(status: MigrationStatus): void;
  emitPass(pass: number): void;
  /** Runs a task from the main loop, when the current one is done. */
  defer(task: () => void): void;
  /** Resolves when clients have been sent what they were told so far. */
  flush(): Promise<void>;
}
