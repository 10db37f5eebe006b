import type { ListedVm } from "../../../lib/update/host/list.ts";

/** A VM as list finds it. */
export function listed(vm: Partial<ListedVm> & { pid: number }): ListedVm {
  return {
    name: `vm-${vm.pid}`,
    program: "QEMU",
    version: "11.1.2",
    status: "running",
    binary: "/usr/bin/qemu-system-x86_64",
    binary_state: "replaced",
    qmp: `/run/${vm.pid}.qmp`,
    updatable: true,
    obstacle: null,
    ...vm,
  };
}
