/** What recovering one VM is about, and what came of it. */

import type { PidFd } from "../../../ffi/process.ts";
import { messageOf } from "../../errors.ts";
import { NeedsPersonError, type ShutDownError, UpdateError } from "../error.ts";
import type { RunDirectory } from "../run/directory.ts";
import type { Journal } from "../run/journal.ts";
import type { VmRecord } from "../vm/facts.ts";
import type { Standby } from "../standby/standby.ts";

/** What became of one VM. */
export interface Recovery {
  /** As it was before the update. */
  readonly vm: Pick<VmRecord, "pid" | "name">;
  /** The VM's process now; null where it has none, or that is not known. */
  readonly pid: number | null;
  readonly outcome: "recovered" | "rolled-back" | "needs-person";
  /** One sentence for a person. */
  readonly message: string;
  readonly remedy?: string;
}

/** What recovering needs to know. */
export interface RecoverRequest {
  readonly timeoutMs: number;
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether a VM that goes back may be less confined than it was. */
  readonly allowWeakerConfinement?: boolean;
}

/** An update that was left unfinished. */
export interface Unfinished {
  readonly directory: RunDirectory;
  readonly journal: Journal;
  /** Who holds the memory; undefined where nobody does, or not any more. */
  readonly standby: Standby | undefined;
  /** The process that was the VM's; undefined where it has ended. */
  readonly process: PidFd | undefined;
  /** Whether the guest may have run since its state was saved. */
  readonly mayHaveRun: boolean;
  readonly request: RecoverRequest;
}

/** The VM is where it can stay. */
export function recovered(
  vm: VmRecord,
  pid: number,
  what: string,
  warnings: readonly string[],
): Recovery {
  const moved = pid === vm.pid ? "" : ` on the old program, as process ${pid}`;
  return {
    vm,
    pid,
    outcome: moved === "" ? "recovered" : "rolled-back",
    message: [`The VM of process ${vm.pid} ${what}${moved}`, ...warnings]
      .join("; "),
  };
}

/** It was told to end as soon as it ran. */
export function shutDown(
  vm: Recovery["vm"],
  { message }: ShutDownError,
): Recovery {
  return { vm, pid: null, outcome: "recovered", message };
}

/** The run directory stays: it is what a person, or the next try, has. */
export function needsPerson(vm: Recovery["vm"], error: unknown): Recovery {
  return {
    vm,
    pid: null,
    outcome: "needs-person",
    message: messageOf(error),
    ...error instanceof UpdateError && error.remedy !== undefined
      ? { remedy: error.remedy }
      : {},
  };
}

/** Nobody holds the memory, and the process does not answer, or is gone. */
export function noStandby(
  { journal: { vm }, process, directory }: Unfinished,
): NeedsPersonError {
  return process === undefined
    ? new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and the VM's memory with it`,
      {
        remedy: `Start the VM anew, then remove "${directory.path}", which ` +
          "has the devices' state only",
      },
    )
    : new NeedsPersonError(
      "not-kept",
      `Process ${vm.pid} does not answer, and nobody else has its memory`,
      { remedy: "Look at the process before anything else" },
    );
}
