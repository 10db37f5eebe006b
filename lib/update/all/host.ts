/** The VMs of this host. */

import { listVms } from "../host/list.ts";
import { type AllRequest, workOnAll } from "./all.ts";
import type { AllReport } from "./all_report.ts";
import { selectVms } from "./select.ts";

/**
 * Milliseconds for each monitor: on a host that is busy, one that is slow is no
 * reason to leave its VM out.
 */
const MONITOR_TIMEOUT_MS = 20_000;

/** Which VMs, and what to do with them. */
export interface HostRequest
  extends Omit<AllRequest, "vms" | "unreadable" | "passedOver"> {
  /** For their names, as the shell has it. */
  readonly pattern: string;
}

/** Works on the VMs of this host that can be updated at first sight. */
export async function workOnHost(
  { pattern, ...request }: HostRequest,
): Promise<AllReport> {
  const { vms, unreadable, passed_over } = await listVms({
    asksMonitors: true,
    timeoutMs: MONITOR_TIMEOUT_MS,
  });
  return await workOnAll({
    ...request,
    vms: selectVms(vms, pattern),
    unreadable,
    passedOver: passed_over,
  });
}
