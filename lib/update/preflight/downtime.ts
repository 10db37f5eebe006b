/**
 * Predicts how long the guest will be stopped.
 *
 * Most of the downtime is the start of the new program, so it is given in
 * starts: the CPU time in which the program reads the VM's command line, as
 * measured on this host by the check "new-options".
 *
 * ```
 * downtime = start × (3 + 0.12 for each vCPU + 0.06 for each device)
 *            with KVM, 1.3 times that
 *            by cpr-transfer, 0.24 times that
 * ```
 *
 * The factors are those of QEMU 11.1 on x86 hosts, where measured downtimes
 * were within 50 % of the prediction, also under load. The size of guest RAM
 * does not matter: it stays in place, and the old address space is kept until
 * the guest runs.
 *
 * @module
 */

import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  refuse,
  skipped,
} from "./check.ts";
import { asObject } from "../vm/reply.ts";
import { NO_CONFINEMENT, NOT_QEMU } from "./new_program.ts";
import { hasSandbox, tryNewProgram } from "./trials.ts";

const STARTS = { machine: 3, vcpu: 0.12, device: 0.06, kvm: 1.3 } as const;
/** The new program has started when the guest stops. */
const TRANSFER = 0.24;

/** The guest is not stopped for longer than the operator accepts. */
export const downtime: PreflightCheck = {
  id: "downtime",
  async run(context) {
    const { maxDowntimeMs: limit, predicted } = context;
    const finding = await predict(context);
    const { downtimeMs } = predicted;
    if (limit === undefined) return finding;
    if (downtimeMs === null) {
      return refuse(
        `The downtime cannot be predicted: ${finding.detail}`,
        "Run the same command without --max-downtime",
      );
    }
    return downtimeMs <= limit ? finding : refuse(
      `The guest would be stopped for about ${downtimeMs} ms, longer than ` +
        `${limit} ms`,
      "Give a larger --max-downtime once that is acceptable",
    );
  },
};

async function predict(context: CheckContext): Promise<Finding> {
  const { facts, inventory, mode, predicted, why } = context;
  if (facts.program !== "QEMU") return NOT_QEMU;
  if (mode === "live") {
    return skipped("it depends on how fast the guest writes its RAM");
  }
  if (!hasSandbox(context)) return NO_CONFINEMENT;
  const { startMs, failure } = await tryNewProgram(context);
  if (failure !== undefined || startMs === undefined) {
    return skipped("the new program does not start");
  }
  const vcpus = await inventory.list("query-cpus-fast");
  const devices = await inventory.devices();
  const { enabled } = asObject(await inventory.ask("query-kvm"));
  const { machine, vcpu, device, kvm } = STARTS;
  const starts = machine + vcpu * vcpus.length + device * devices.length;
  const factor = enabled === true ? kvm : 1;
  const byExec = startMs * starts * factor;
  const other = mode === "cpr-exec" ? "cpr-transfer" : "cpr-exec";
  const by = {
    "cpr-exec": Math.round(byExec),
    "cpr-transfer": Math.round(byExec * TRANSFER),
  };
  predicted.downtimeMs = by[mode];
  const choice = why === undefined ? [] : [`about ${by[other]} ms by ${other}`];
  return ok([`about ${by[mode]} ms`, ...choice].join("; "));
}
