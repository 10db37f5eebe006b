/** The names of the metrics; the history is read back by them. */
export const METRIC = {
  VMS: "cprctl_vms",
  UNREADABLE: "cprctl_unreadable_vms",
  UPDATABLE: "cprctl_vm_updatable",
  DUE: "cprctl_vm_update_due",
  UPDATES: "cprctl_updates_total",
  LAST_OUTCOME: "cprctl_vm_last_update_outcome",
  LAST_TIME: "cprctl_vm_last_update_time_seconds",
  LAST_DOWNTIME: "cprctl_vm_last_update_downtime_seconds",
} as const;
