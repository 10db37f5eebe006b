/** Updates or checks VMs, and prints the results. */

import { CprctlError, UsageError } from "../../errors.ts";
import type { Report } from "../../update/report/report.ts";
import type { UpdateRequest } from "../../update/update.ts";
import type { CliContext } from "../command.ts";
import {
  ALL,
  type OneVm,
  requestOf,
  targetOf,
  type VmValues,
} from "../options/vms.ts";

/** How to work on many VMs; undefined for the defaults. */
export interface FleetOptions {
  readonly jobs?: number | undefined;
  readonly "max-failures"?: number | undefined;
}

/** A check does not stop a guest, so a failure does not end the run. */
const USUAL = {
  check: { jobs: 4, maxFailures: Infinity },
  update: { jobs: 2, maxFailures: 1 },
} as const;

/**
 * Updates or checks the VMs of the options, prints the results, and sets the
 * exit code.
 *
 * @returns a report for each VM
 * @throws {UsageError} when the options are inconsistent
 * @throws {CprctlError} when no VM has a matching name
 */
export async function workOnVms(
  { process, engine }: CliContext,
  values: VmValues & FleetOptions,
  what: keyof typeof USUAL,
): Promise<readonly Report[]> {
  const target = targetOf(values);
  const { jobs, "max-failures": maxFailures } = values;
  const request = requestOf(values);
  const work = (
    vm: OneVm,
    watcher: Pick<UpdateRequest, "observer" | "onCheck">,
  ) => {
    const wanted = { ...request, ...watcher, ...vm };
    return what === "check"
      ? engine.check({ ...wanted, always: true })
      : engine.update(wanted);
  };
  if (!("pattern" in target)) {
    if (jobs !== undefined || maxFailures !== undefined) {
      throw new UsageError("Cannot use --jobs or --max-failures with one VM", {
        remedy: "Leave them out, or give --all in place of one VM",
      });
    }
    const { presentUpdate } = await import("./report.ts");
    const report = await presentUpdate(
      process,
      { ...values, view: what },
      (observer, onCheck) => work(target, { observer, onCheck }),
    );
    return [report];
  }
  const { presentAll } = await import("./all.ts");
  const { results, left_out, summary } = await presentAll(
    process,
    { ...values, view: what },
    (watcher) =>
      engine.workOnHost({
        ...target,
        watcher,
        mode: values.mode,
        jobs: jobs ?? USUAL[what].jobs,
        maxFailures: maxFailures ?? USUAL[what].maxFailures,
        work: ({ pid, qmp, domain }, observer) =>
          work(
            domain === null ? { address: { path: qmp }, pid } : { domain },
            { observer },
          ),
      }),
  );
  const others = summary.unreadable;
  if (results.length > 0 || left_out.some(({ name }) => name !== null)) {
    return results;
  }
  if (target.pattern !== ALL) {
    throw new CprctlError("no-vm", `No VM matches "${target.pattern}"`, {
      remedy: "Run cprctl list to see the names",
    });
  }
  if (others > 0 && left_out.length === 0) {
    throw new CprctlError("no-vm", "Every VM here belongs to another user", {
      remedy: "Run cprctl as root",
    });
  }
  return results;
}
