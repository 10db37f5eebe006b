/** Something that a guest does while its VM is updated, and what comes of it. */

import type { Ending } from "../../../testing/update/cprctl.ts";
import type { Outcome } from "../../../lib/update/error.ts";
import type { PhaseName } from "../../../lib/update/phase.ts";
import type { LinuxMachine, LinuxMachineOptions } from "./linux_machine.ts";

/** Phases as which begin the guest acts; its VM stops in the last one. */
export const MOMENTS = [
  "preflight",
  "prepare",
  "migrate",
] as const satisfies readonly PhaseName[];

/** One of them. */
export type Moment = (typeof MOMENTS)[number];

/** A row of the table. */
export interface Action {
  readonly name: string;
  readonly machine?: LinuxMachineOptions;
  /** Before the update. */
  readonly before?: (vm: LinuxMachine) => Promise<void>;
  /** At the moment; the update waits for it. */
  readonly act: (vm: LinuxMachine) => Promise<unknown>;
  /** Any of them is right. */
  readonly outcomes: readonly Outcome[];
  /** The VM's run state afterwards; without one, its process has ended. */
  readonly runState?: string;
  /** What the report has to say. */
  readonly says?: RegExp;
  /** Part of the short form, at this moment. */
  readonly short?: Moment;
  /** Asserts that the guest is as it has to be. */
  readonly after: (vm: LinuxMachine, ending: Ending) => Promise<void>;
}
