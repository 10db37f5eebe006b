/** Ansible, and hosts for it. */

export * from "./control_node.ts";
export * from "./hypervisor.ts";
export * from "./killed.ts";
