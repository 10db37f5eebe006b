import type { RunState } from "./run_state.ts";
import type { MigrationStatus } from "./status.ts";
import type { SaveStateEntry } from "./stream/mod.ts";

/** A RAMBlock as listed in the stream. */
export interface RamBlockInfo {
  readonly name: string;
  /** Bytes in use. */
  readonly usedLength: number;
  /** The whole block, as the guest sees it. */
  readonly bytes: Uint8Array;
  /** A byte for each page, which is 1 if the guest has written to the page. */
  readonly dirty: Uint8Array;
  /** Guest physical address. */
  readonly guestAddress: number;
  /** Whether it is a shared file: x-ignore-shared leaves its pages out. */
  readonly isSharedFile: boolean;
}

/** A device whose state is a section of the stream. */
export interface DeviceEntry<V extends object = object>
  extends SaveStateEntry<V> {
  /** The current state; the VM is stopped. */
  save(): V;
}

/** The interface of the machine to its migrations. */
export interface MigrationHost {
  /** Machine type; source and destination must have the same. */
  readonly machineType: string;
  readonly uuid: string | undefined;
  readonly runState: RunState;
  ramBlocks(): readonly RamBlockInfo[];
  devices(): readonly DeviceEntry[];
  /** Stops the vCPUs if they run (STOP event), and sets the run state. */
  stop(state: RunState): void;
  /** Restores the run state before the migration (RESUME event). */
  resume(state: RunState): void;
  /** Sends a MIGRATION event, if the capability "events" is on. */
  emitStatus(status: MigrationStatus): void;
  emitPass(pass: number): void;
  /** Runs a task in the main loop, after the current one. */
  defer(task: () => void): void;
  /** Resolves when all output to clients has been sent. */
  flush(): Promise<void>;
}
