import type { QmpClient } from "../../qmp/mod.ts";
import type { CommandLine } from "../command/command_line.ts";
import type { NewCommand } from "../command/new_command.ts";
import type { ProcessFiles } from "../process/files.ts";
import type { Facts } from "../vm/facts.ts";
import { ALLOW_WEAKER } from "../weaker_confinement.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import type { Seccomp } from "../standby/seccomp.ts";
import type { Inventory } from "./inventory.ts";

/** What an update is about. */
export interface PreflightContext {
  readonly client: QmpClient;
  readonly facts: Facts;
  readonly command: NewCommand;
  /** What starts the old program again in a rollback. */
  readonly oldArgv: readonly string[];
  /** Path of the new program. */
  readonly binary: string;
  /** Whether the operator named that, rather than the VM by what it runs. */
  readonly namedByOperator: boolean;
  /**
   * Where programs run that the VM chose, or that others than root can change;
   * undefined: they do not.
   */
  readonly sandbox: Sandbox | undefined;
  /** The filters over the VM's process. */
  readonly seccomp: Seccomp;
  /** Whether a VM that goes back may be less confined than it was. */
  readonly allowWeakerConfinement: boolean;
}

/** What checks may look at. They leave the VM as they find it. */
export interface CheckContext extends PreflightContext {
  readonly inventory: Inventory;
  readonly files: ProcessFiles;
  /** What the VM was started with. */
  readonly running: CommandLine;
  /** What it is to be started with. */
  readonly next: CommandLine;
}

/** A check and its verdict, as it is reported. */
export interface Check {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly verdict: "ok" | "warn" | "refuse" | "skipped";
  readonly detail: string;
  readonly remedy: string | null;
}

/** What a check found: nothing wrong, or what and what to do about it. */
export type Finding =
  | { readonly verdict: "ok" | "skipped"; readonly detail: string }
  | {
    readonly verdict: "warn" | "refuse";
    readonly detail: string;
    /** One imperative sentence. */
    readonly remedy: string;
  };

/** One check of the preflight. */
export interface PreflightCheck {
  /** Stable, kebab-case: part of the report. */
  readonly id: string;
  run(context: CheckContext): Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ verdict: "ok", detail });

export const skipped = (detail: string): Finding => ({
  verdict: "skipped",
  detail,
});

export const warn = (detail: string, remedy: string): Finding => ({
  verdict: "warn",
  detail,
  remedy,
});

export const refuse = (detail: string, remedy: string): Finding => ({
  verdict: "refuse",
  detail,
  remedy,
});

/**
 * A VM that had to be put back would be less confined than it is: refused, but
 * where that is accepted.
 */
export function weaker(
  { allowWeakerConfinement }: Pick<CheckContext, "allowWeakerConfinement">,
  detail: string,
  remedy: string,
): Finding {
  return allowWeakerConfinement
    ? warn(detail, remedy)
    : refuse(detail, `${remedy}; or accept it with ${ALLOW_WEAKER}`);
}

/** A VM chooses what it says; the report does not grow with it. */
const MAX_DETAIL = 4000;

/** A check's finding as the report has it. */
export function reported(id: string, finding: Finding): Check {
  const { detail } = finding;
  return {
    id,
    remedy: null,
    ...finding,
    detail: detail.length > MAX_DETAIL
      ? `${detail.slice(0, MAX_DETAIL)}…`
      : detail,
  };
}
