/** The VMs of this host. */

import { listVms } from "../host/list.ts";
import { type AllRequest, workOnAll } from "./all.ts";
import type { AllReport } from "./all_report.ts";
import { selectVms } from "./select.ts";

/** For each monitor; generous, since a busy host is no reason to skip a VM. */
const MONITOR_TIMEOUT_MS = 20_000;

/** Which VMs, and what to do with them. */
export interface HostRequest
  extends Omit<AllRequest, "vms" | "unreadable" | "skipped"> {
  /** Shell pattern for their names. */
  readonly pattern: string;
}

/** Works on the VMs of this host that have no known obstacle. */
export async function workOnHost(
  { pattern, ...request }: HostRequest,
): Promise<AllReport> {
  const { vms, unreadable, skipped } = await listVms({
    asksMonitors: true,
    timeoutMs: MONITOR_TIMEOUT_MS,
  });
  return await workOnAll({
    ...request,
    vms: selectVms(vms, pattern),
    unreadable,
    skipped,
  });
}
