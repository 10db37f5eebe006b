import { buildCommand, type Command } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { QmpAddress } from "../../qmp/mod.ts";
import type { Report } from "../../update/report/report.ts";
import type { PhaseObserver } from "../../update/transaction/phase_clock.ts";
import type { UpdateRequest } from "../../update/update.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { METRICS_FLAG, writeMetrics } from "../flags/metrics.ts";
import { targetOf, VM_FLAGS, type VmFlags, wishes } from "../flags/vms.ts";
import type { CheckEngines } from "./check.ts";
import type { ListEngine } from "./list.ts";

/** Does what was asked. */
export interface UpdateEngines extends CheckEngines {
  readonly update: (request: UpdateRequest) => Promise<Report>;
  /** Imports what only metrics need. */
  readonly loadList: () => Promise<ListEngine>;
}

interface Flags extends VmFlags {
  readonly check: boolean;
  readonly timeout: number;
  readonly metrics?: string;
  readonly jobs: number;
  readonly "max-failures": number;
}

/** Seconds in which even a slow host starts a QEMU. */
const DEFAULT_TIMEOUT = "60";
/** One is moved at a time; meanwhile the next one is looked at. */
const DEFAULT_JOBS = "2";
const DEFAULT_MAX_FAILURES = "1";

/**
 * `cprctl update`: move a VM onto a new program.
 *
 * @param load imports the engines, when the command runs and not before
 */
export function updateCommand(
  load: () => Promise<UpdateEngines>,
): Command<CliContext> {
  return buildCommand<Flags, [], CliContext>({
    docs: {
      brief: "Move a running VM onto a new QEMU",
      fullDescription: withExamples(
        "Move a running VM onto a new QEMU in the same process: the pid stays, guest\n" +
          "RAM stays in place, and the downtime is about the time that a QEMU takes to start.\n" +
          "Prints a verdict and where the time went; the exit code says how it ended.\n" +
          "A VM that runs on that very file already is left alone. With --all, no guest\n" +
          "is stopped while another one is, nor after a VM had to be put back; the exit\n" +
          "code is that of the worst.",
        [
          [
            "cprctl update --qmp /run/vm/a.qmp",
            "after a package was upgraded",
          ],
          [
            "cprctl update --qmp /run/vm/a.qmp --binary /opt/qemu",
            "onto a build of your own",
          ],
          [
            "cprctl update --qmp /run/vm/a.qmp --force",
            "after a library was upgraded",
          ],
          ["cprctl update --qmp /run/vm/a.qmp --json", "for a program to read"],
          [
            "cprctl update --qmp /run/vm/a.qmp --report a.html",
            "for a person to keep",
          ],
          ["cprctl update --all", "every VM of this host"],
          [
            "cprctl update --all --metrics /var/lib/node_exporter/cprctl.prom",
            "for Prometheus",
          ],
          ["cprctl update --all 'web-*' --jobs 4", "those of these names"],
        ],
      ),
    },
    parameters: {
      flags: {
        ...VM_FLAGS,
        check: {
          kind: "boolean",
          brief: "Say what would be done, and do nothing, as cprctl check does",
          default: false,
          withNegated: false,
        },
        timeout: {
          kind: "parsed",
          parse: parseSeconds,
          brief: "Give up after so many seconds",
          placeholder: "seconds",
          default: DEFAULT_TIMEOUT,
        },
        metrics: METRICS_FLAG,
        jobs: {
          kind: "parsed",
          parse: parseCount,
          brief: "With --all: work on so many VMs at once",
          placeholder: "number",
          default: DEFAULT_JOBS,
        },
        "max-failures": {
          kind: "parsed",
          parse: parseCount,
          brief: "With --all: touch no VM after so many did not get there",
          placeholder: "number",
          default: DEFAULT_MAX_FAILURES,
        },
      },
    },
    loader: async () => {
      const { check, update, loadAll, loadList } = await load();
      return async function (this: CliContext, flags: Flags): Promise<void> {
        const target = targetOf(flags);
        const timeoutMs = flags.timeout * 1000;
        const work = (address: QmpAddress, observer: PhaseObserver) => {
          const asked = { ...wishes(flags), address, timeoutMs, observer };
          return flags.check ? check(asked) : update(asked);
        };
        const writeDown = async (reports: readonly Report[]) => {
          if (flags.metrics === undefined) return;
          const list = await loadList();
          const host = await list({ asksMonitors: true });
          await writeMetrics(this.process, flags.metrics, reports, host);
        };
        if ("address" in target) {
          const { presentUpdate } = await import("../present/report.ts");
          const report = await presentUpdate(
            this.process,
            { ...flags, view: flags.check ? "check" : "update" },
            (observer) => work(target.address, observer),
          );
          await writeDown([report]);
          return;
        }
        const [workOnHost, { presentAll }] = await Promise.all([
          loadAll(),
          import("../present/all.ts"),
        ]);
        const { results } = await presentAll(
          this.process,
          flags,
          (watcher) =>
            workOnHost({
              ...target,
              watcher,
              jobs: flags.jobs,
              maxFailures: flags["max-failures"],
              work: ({ qmp }, observer) => work({ path: qmp }, observer),
            }),
        );
        await writeDown(results);
      };
    },
  });
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) {
    throw new UsageError("Want a number from 1 to 9999");
  }
  return Number(text);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) {
    throw new UsageError("Want a positive number of seconds");
  }
  return seconds;
}
