/** The options of `update` and `check`. */

import { UsageError } from "../../errors.ts";
import type { QmpAddress } from "../../qmp/mod.ts";
import type { ListedVm } from "../../update/host/list.ts";
import { MODE_CHOICES, type ModeChoice } from "../../update/phase.ts";
import type { UpdateRequest } from "../../update/update.ts";
import {
  type CliContext,
  type OptionValues,
  textValue,
  type Valued,
} from "../command.ts";
import { selfCommand } from "../self.ts";
import { parseQmpAddress } from "./qmp_address.ts";
import { JSON_OPTION, REPORT_OPTION, WEAKER_OPTION } from "./shared.ts";

/** The pattern for all VMs, also those without a name. */
export const ALL = "*";

/** The options. */
export const VM_OPTIONS = {
  qmp: {
    value: "SOCKET",
    parse: parseQmpAddress,
    propose: (context) => ofVms(context, ({ qmp }) => qmp),
    brief: "QMP socket of the VM: a path, or HOST:PORT",
  } satisfies Valued<QmpAddress>,
  domain: {
    value: "NAME",
    parse: String,
    propose: (context) => ofVms(context, ({ domain }) => domain),
    brief: "Name of a libvirt domain",
  } satisfies Valued<string>,
  all: {
    value: "PATTERN",
    parse: String,
    bare: ALL,
    propose: (context) => ofVms(context, ({ name }) => name),
    brief: "All updatable VMs of this host, or those whose names match PATTERN",
  } satisfies Valued<string>,
  binary: textValue(
    "PATH",
    "New QEMU binary (default: whatever is now at the path that the " +
      "VM was started from)",
  ),
  mode: {
    value: "MODE",
    parse: parseMode,
    default: "cpr-exec",
    propose: () => Promise.resolve(MODE_CHOICES),
    brief: "How the VM is moved: cpr-exec keeps its process; cpr-transfer " +
      "starts another one beside it, with less downtime; auto is " +
      "cpr-transfer where that is possible, else cpr-exec; live copies the " +
      "RAM of a VM that was started without shared RAM",
  } satisfies Valued<ModeChoice>,
  force: { brief: "Update even if the VM already runs this binary" },
  "allow-weaker-confinement": WEAKER_OPTION,
  timeout: {
    value: "SECONDS",
    parse: parseSeconds,
    default: "60",
    brief: "Time limit in seconds; a rollback may take as long again",
  } satisfies Valued<number>,
  "max-downtime": {
    value: "MS",
    parse: parseMilliseconds,
    brief: "Refuse if the predicted downtime is longer than that many " +
      "milliseconds",
  } satisfies Valued<number>,
  "wait-jobs": {
    brief: "Wait, within the time limit, until no job runs on the VM's disks",
  },
  verbose: { short: "v", brief: "Also print the checks that passed" },
  json: JSON_OPTION,
  report: REPORT_OPTION,
} as const;

/** The option for parallel work; the default is without effect on one VM. */
export function jobsOption(usual: number): Valued<number> {
  return {
    value: "NUMBER",
    parse: parseCount,
    brief: `With --all: number of VMs to check in parallel (default: ${usual})`,
  };
}

/** The synopsis of the commands with these options. */
export const VM_USAGE = [
  "--qmp SOCKET [OPTION]...",
  "--domain NAME [OPTION]...",
  "--all [PATTERN] [OPTION]...",
] as const;

/** The values of these options. */
export type VmValues = OptionValues<typeof VM_OPTIONS>;

/** Values for completion, from this host's VMs, without asking monitors. */
export async function ofVms(
  { engine }: CliContext,
  part: (vm: ListedVm) => string | null,
): Promise<readonly string[]> {
  const { vms } = await engine.listVms({ asksMonitors: false });
  return vms.map(part).filter((it) => it !== null);
}

/** The request for any VM, from these options. */
export function requestOf(values: VmValues): Omit<UpdateRequest, "address"> {
  return {
    binary: values.binary,
    mode: values.mode,
    skipIfCurrent: !values.force,
    allowWeakerConfinement: values["allow-weaker-confinement"],
    timeoutMs: values.timeout * 1000,
    maxDowntimeMs: values["max-downtime"],
    waitJobs: values["wait-jobs"],
    self: selfCommand(),
  };
}

/** How one VM is named. */
export type OneVm =
  | { readonly address: QmpAddress; readonly pid?: number }
  | { readonly domain: string };

/** One VM, or all with a matching name. */
export type Target = OneVm | { readonly pattern: string };

/**
 * The target of these options.
 *
 * @throws {UsageError} unless exactly one is given
 */
export function targetOf({ qmp, domain, all }: VmValues): Target {
  const targets: Target[] = [];
  if (qmp !== undefined) targets.push({ address: qmp });
  if (domain !== undefined) targets.push({ domain });
  if (all !== undefined) targets.push({ pattern: all });
  const [target, second] = targets;
  if (target !== undefined && second === undefined) return target;
  throw new UsageError(
    target === undefined
      ? "No VM was named"
      : "Cannot combine --qmp, --domain and --all",
    {
      remedy: "Give either --qmp SOCKET, --domain NAME or --all [PATTERN]",
    },
  );
}

/**
 * Parses a number of VMs.
 *
 * @throws {UsageError}
 */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) {
    throw new UsageError("Expected a number from 1 to 9999");
  }
  return Number(text);
}

function parseMode(text: string): ModeChoice {
  const mode = MODE_CHOICES.find((it) => it === text);
  if (mode !== undefined) return mode;
  throw new UsageError(`Expected ${MODE_CHOICES.join(", ")}`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) {
    throw new UsageError("Expected a positive number of seconds");
  }
  return seconds;
}

function parseMilliseconds(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) {
    throw new UsageError("Expected a positive number of milliseconds");
  }
  return Number(text);
}
