import { buildCommand, type Command } from "@stricli/core";
import type { AllReport } from "../../update/all/all_report.ts";
import type { HostRequest } from "../../update/all/host.ts";
import type { Report } from "../../update/report/report.ts";
import type { SurveyRequest } from "../../update/survey.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { targetOf, VM_FLAGS, type VmFlags, wishes } from "../flags/vms.ts";

/** Says what an update would do. */
export type CheckEngine = (request: SurveyRequest) => Promise<Report>;

/** Works on the VMs of this host. */
export type AllEngine = (request: HostRequest) => Promise<AllReport>;

/** What the command needs. */
export interface CheckEngines {
  readonly check: CheckEngine;
  /** Imports what only many VMs need. */
  readonly loadAll: () => Promise<AllEngine>;
}

/** Looking at a VM keeps no guest waiting. */
const CHECKS_AT_ONCE = 4;

/**
 * `cprctl check`: say what an update would do.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function checkCommand(
  load: () => Promise<CheckEngines>,
): Command<CliContext> {
  return buildCommand<VmFlags, [], CliContext>({
    docs: {
      brief: "Say what update would do, and do nothing",
      fullDescription: withExamples(
        "Look at a VM as update does, and stop before it is touched: every check with\n" +
          "its verdict and what to do about it, and how the command line would change.\n" +
          "Exit code 0 says that update would go ahead, or has nothing to do; 3 that it\n" +
          "would refuse. The same as cprctl update --check.",
        [
          ["cprctl check --qmp /run/vm/a.qmp", "before an update"],
          [
            "cprctl check --qmp /run/vm/a.qmp --force",
            "even if there is nothing to update",
          ],
          ["cprctl check --qmp /run/vm/a.qmp --json", "for a program to read"],
          ["cprctl check --all", "every VM of this host"],
        ],
      ),
    },
    parameters: { flags: VM_FLAGS },
    loader: async () => {
      const { check, loadAll } = await load();
      return async function (this: CliContext, flags): Promise<void> {
        const target = targetOf(flags);
        if ("address" in target) {
          const { presentUpdate } = await import("../present/report.ts");
          await presentUpdate(
            this.process,
            { ...flags, view: "check" },
            (observer) => check({ ...wishes(flags), ...target, observer }),
          );
          return;
        }
        const [workOnHost, { presentAll }] = await Promise.all([
          loadAll(),
          import("../present/all.ts"),
        ]);
        await presentAll(this.process, flags, (watcher) =>
          workOnHost({
            ...target,
            watcher,
            jobs: CHECKS_AT_ONCE,
            maxFailures: Infinity,
            work: ({ qmp }, observer) =>
              check({ ...wishes(flags), address: { path: qmp }, observer }),
          }));
      };
    },
  });
}
