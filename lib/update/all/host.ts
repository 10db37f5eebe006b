/** The VMs of this host. */

import { listVms } from "../list.ts";
import { type AllRequest, workOnAll } from "./all.ts";
import type { AllReport } from "./all_report.ts";
import { selectVms } from "./select.ts";

/** A monitor answers at once, or has its reasons. */
const MONITOR_TIMEOUT_MS = 2_000;

/** Which VMs, and what to do with them. */
export interface HostRequest extends Omit<AllRequest, "vms" | "unreadable"> {
  /** For their names, as the shell has it. */
  readonly pattern: string;
}

/** Works on the VMs of this host that can be updated at first sight. */
export async function workOnHost(
  { pattern, ...request }: HostRequest,
): Promise<AllReport> {
  const { vms, unreadable } = await listVms({
    monitorTimeoutMs: MONITOR_TIMEOUT_MS,
  });
  return await workOnAll({
    ...request,
    vms: selectVms(vms, pattern),
    unreadable,
  });
}
