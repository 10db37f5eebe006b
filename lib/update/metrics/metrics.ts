/** A host's VMs and their updates, as metrics. */

import { mapTexts, printable } from "../../inert.ts";
import type { HostList, ListedVm } from "../host/list.ts";
import { type Family, renderFamilies, type Sample } from "./exposition.ts";
import { COUNTED, type History, METRIC } from "./history.ts";

/** Writes metrics for Prometheus, with texts that are safe for a terminal. */
export function renderMetrics(host: HostList, history: History): string {
  return renderFamilies(mapTexts([
    {
      name: METRIC.VMS,
      help: "VMs of this host, by running version and by whether the file of " +
        "the program is still the same, replaced or deleted",
      type: "gauge",
      samples: byVersion(host.vms),
    },
    {
      name: METRIC.UNREADABLE,
      help: "VMs of users whose processes cprctl may not examine, and " +
        "processes that could not be examined",
      type: "gauge",
      samples: [{
        labels: {},
        value: host.unreadable + host.skipped.length,
      }],
    },
    ofVms(
      host.vms,
      METRIC.UPDATABLE,
      "1 if there is no known obstacle to an update, else 0 with its code",
      (vm) => ({
        labels: { reason: vm.obstacle_code ?? "" },
        value: vm.updatable ? 1 : 0,
      }),
    ),
    ofVms(
      host.vms,
      METRIC.DUE,
      "1 if the program or a library was replaced since the VM was started",
      (vm) => ({ labels: {}, value: vm.due ? 1 : 0 }),
    ),
    {
      name: METRIC.UPDATES,
      help: "Updates by outcome, without those that had nothing to do",
      type: "counter",
      samples: COUNTED.map((outcome) => ({
        labels: { outcome },
        value: history.count(outcome),
      })),
    },
    ...lastUpdates(host.vms, history),
  ], printable));
}

function byVersion(vms: readonly ListedVm[]): Sample[] {
  const counts = new Map<string, { labels: Sample["labels"]; value: number }>();
  for (const { program, version, binary_state } of vms) {
    const labels = {
      program,
      version: version ?? "unknown",
      binary: binary_state,
    };
    const key = JSON.stringify(labels);
    const known = counts.get(key) ?? { labels, value: 0 };
    counts.set(key, { ...known, value: known.value + 1 });
  }
  return [...counts.values()];
}

function lastUpdates(vms: readonly ListedVm[], history: History): Family[] {
  return [
    ofVms(
      vms,
      METRIC.LAST_OUTCOME,
      "How a VM's last update ended, and the code of its error; always 1",
      (vm) => {
        const last = history.lastOf(vm);
        if (last === undefined) return undefined;
        const { outcome, error } = last;
        return { labels: { outcome, error }, value: 1 };
      },
    ),
    ofVms(
      vms,
      METRIC.LAST_TIME,
      "When a VM's last update ended, in seconds since 1970",
      (vm) => sampleOf(history.lastOf(vm)?.time),
    ),
    ofVms(
      vms,
      METRIC.LAST_DOWNTIME,
      "Downtime of the guest in its last update, in seconds",
      (vm) => sampleOf(history.lastOf(vm)?.downtime),
    ),
  ];
}

function sampleOf(value: number | undefined): Sample | undefined {
  return value === undefined ? undefined : { labels: {}, value };
}

/** A sample for each VM that has one. */
function ofVms(
  vms: readonly ListedVm[],
  name: string,
  help: string,
  sample: (vm: ListedVm) => Sample | undefined,
): Family {
  const samples = vms.flatMap((vm) => {
    const { labels, value } = sample(vm) ?? {};
    if (value === undefined) return [];
    const key = { name: vm.name ?? "", pid: String(vm.pid) };
    return [{ labels: { ...key, ...labels }, value }];
  });
  return { name, help, type: "gauge", samples };
}
