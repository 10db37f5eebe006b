import type { ListedVm } from "../../../lib/update/host/list.ts";

/** A VM as list finds it. */
export function listed(vm: Partial<ListedVm> & { pid: number }): ListedVm {
  const { obstacle = null, binary_state = "replaced" } = vm;
  return {
    name: `vm-${vm.pid}`,
    program: "QEMU",
    version: "11.1.2",
    status: "running",
    binary: "/usr/bin/qemu-system-x86_64",
    binary_state,
    replaced_libraries: [],
    due: binary_state !== "same",
    qmp: `/run/${vm.pid}.qmp`,
    domain: null,
    updatable: obstacle === null,
    obstacle,
    obstacle_code: obstacle === null ? null : "sandbox",
    ...vm,
  };
}
