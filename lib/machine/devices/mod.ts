/** The devices of the embedded machine, and its platform. @module */

export * from "./address_space.ts";
export * from "./clint.ts";
export * from "./device.ts";
export * from "./digest.ts";
export * from "./finisher.ts";
export * from "./memory_map.ts";
export * from "./memory_window.ts";
export * from "./platform.ts";
export * from "./plic.ts";
export * from "./uart.ts";
