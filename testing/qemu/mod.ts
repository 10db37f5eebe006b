/** Real virtual machines for tests and benchmarks. */

export * from "./accelerators.ts";
export * from "./crowd.ts";
export * from "./debugger.ts";
export * from "../program/descriptors.ts";
export * from "./guest_acts.ts";
export * from "./machines.ts";
export * from "./run_state.ts";
export * from "./save_to.ts";
export * from "./second_monitor.ts";
export * from "../program/until.ts";
export * from "./transfer_by_hand.ts";
export * from "./update_by_hand.ts";
export * from "./virtual_machine.ts";
export * from "./witness.ts";
