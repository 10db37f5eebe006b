/** The input and the result of recovering one VM. */

import type { PidFd } from "../../../ffi/process.ts";
import { codeOf, messageOf } from "../../errors.ts";
import { NeedsPersonError, type ShutDownError, UpdateError } from "../error.ts";
import type { RunDirectory } from "../run/directory.ts";
import type { Journal } from "../run/journal.ts";
import type { VmRecord } from "../vm/facts.ts";
import type { Standby } from "../standby/standby.ts";

/** Raised when a field of the document changes its meaning or goes away. */
export const RECOVERY_SCHEMA = 1;

/** The result for one VM. */
export interface Recovery {
  /** The VM before the update. */
  readonly vm: Pick<VmRecord, "pid" | "name">;
  /** The VM's process now; null if it has none, or it is not known. */
  readonly pid: number | null;
  readonly outcome: "recovered" | "rolled-back" | "needs-person";
  /** One sentence for the operator. */
  readonly message: string;
  readonly remedy?: string | undefined;
  /** The error's stable name, unless the VM was recovered. */
  readonly code?: string;
}

/** How to recover. */
export interface RecoverRequest {
  readonly timeoutMs: number;
  /** The command that starts cprctl itself. */
  readonly self: readonly string[];
  /** Whether a rolled-back VM may be less confined than before. */
  readonly allowWeakerConfinement?: boolean;
}

/** An unfinished update. */
export interface Unfinished {
  readonly directory: RunDirectory;
  readonly journal: Journal;
  /** Holds the memory; undefined if there is no standby. */
  readonly standby: Standby | undefined;
  /** The VM's process before the update; undefined if it has ended. */
  readonly process: PidFd | undefined;
  /** Whether the guest may have run since its state was saved. */
  readonly mayHaveRun: boolean;
  readonly request: RecoverRequest;
}

/** The VM was rolled forward, or its rollback was completed. */
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

/** The VM was shut down right after it was resumed. */
export function shutDown(
  vm: Recovery["vm"],
  { message }: ShutDownError,
): Recovery {
  return { vm, pid: null, outcome: "recovered", message };
}

/** The run directory stays, for the operator and for the next attempt. */
export function needsPerson(vm: Recovery["vm"], error: unknown): Recovery {
  return {
    vm,
    pid: null,
    outcome: "needs-person",
    message: messageOf(error),
    code: codeOf(error),
    remedy: error instanceof UpdateError ? error.remedy : undefined,
  };
}

/** There is no standby, and the process does not answer, or is gone. */
export function noStandby(
  { journal: { vm }, process, directory }: Unfinished,
): NeedsPersonError {
  return process === undefined
    ? new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and the VM's memory with it`,
      {
        remedy: `Start the VM again, then remove "${directory.path}", which ` +
          "has only the state of its devices",
      },
    )
    : new NeedsPersonError(
      "not-kept",
      `Process ${vm.pid} does not answer, and no standby process holds its ` +
        "memory",
      { remedy: "Look at the process before anything else" },
    );
}

/** A process that is none of the update's has answered. */
export function stranger(
  pid: number | undefined,
  remedy: string,
): NeedsPersonError {
  return new NeedsPersonError(
    "stranger",
    `Process ${pid} answers at the monitor, and does not belong to the ` +
      "unfinished update",
    { remedy },
  );
}
