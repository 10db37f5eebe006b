/** The options of an update and of its check: which VM, which program, how to tell. */

import type { FlagParametersForType } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { QmpAddress } from "../../qmp/mod.ts";
import type { ListedVm } from "../../update/host/list.ts";
import type { SurveyRequest } from "../../update/survey.ts";
import type { CliContext } from "../context.ts";
import { selfCommand } from "../self.ts";
import { switchFlag, WEAKER_BRIEF } from "./parameters.ts";
import { parseQmpAddress } from "./qmp_address.ts";
import { REPORT_FLAGS, type ReportFlags } from "./report.ts";

/** What the options say. */
export interface VmFlags extends ReportFlags {
  readonly qmp?: QmpAddress;
  /** A pattern for names; empty for all. */
  readonly all?: string;
  readonly binary?: string;
  readonly force: boolean;
  readonly allowWeakerConfinement: boolean;
}

/** The options. */
export const VM_FLAGS: FlagParametersForType<VmFlags, CliContext> = {
  qmp: {
    kind: "parsed",
    parse: parseQmpAddress,
    proposeCompletions: () => ofVms(({ qmp }) => qmp),
    brief: "The VM's QMP socket: a path, or HOST:PORT",
    placeholder: "socket",
    optional: true,
  },
  all: {
    kind: "parsed",
    parse: String,
    proposeCompletions: () => ofVms(({ name }) => name),
    inferEmpty: true,
    brief: "Every VM of this host that can be updated, or those of these names",
    placeholder: "pattern",
    optional: true,
  },
  binary: {
    kind: "parsed",
    parse: String,
    brief: "The QEMU to move onto; else what is now at the old one's path",
    placeholder: "path",
    optional: true,
  },
  force: switchFlag("Also when it runs on that very file already"),
  allowWeakerConfinement: switchFlag(WEAKER_BRIEF),
  ...REPORT_FLAGS,
};

/** What this host's VMs have; no monitor is asked, so no guest waits. */
async function ofVms(
  part: (vm: ListedVm) => string | null,
): Promise<readonly string[]> {
  const { listVms } = await import("../../update/host/list.ts");
  const { vms } = await listVms({ asksMonitors: false });
  return vms.map(part).filter((it) => it !== null);
}

/** What the options ask for, whichever VM it is. */
export function wishes(
  { binary, force, allowWeakerConfinement }: VmFlags,
): Omit<SurveyRequest, "address"> {
  return {
    ...{ binary, skipIfCurrent: !force, self: selfCommand() },
    ...allowWeakerConfinement ? { allowWeakerConfinement } : {},
  };
}

/** One VM, or those whose names match. */
export type Target =
  | { readonly address: QmpAddress }
  | { readonly pattern: string };

/**
 * Which VMs are meant.
 *
 * @throws {UsageError} when that is not said, or said twice
 */
export function targetOf({ qmp, all }: VmFlags): Target {
  if (qmp !== undefined && all === undefined) return { address: qmp };
  if (qmp === undefined && all !== undefined) {
    return { pattern: all === "" ? "*" : all };
  }
  throw new UsageError(
    qmp === undefined
      ? "Say which VM: --qmp SOCKET, or --all"
      : "--qmp names one VM, --all many: give one of them",
  );
}
