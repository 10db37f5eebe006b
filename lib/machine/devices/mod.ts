/** The devices of the embedded machine, and its platform. @module */

export { AddressSpace } from "./address_space.ts";
export { Clint, CLINT_REGISTER, type ClintState, clintState } from "./clint.ts";
export type { Clock, Device, TimedDevice } from "./device.ts";
export {
  DIGEST_QUEUE,
  DIGEST_REGISTER,
  DIGEST_STATUS,
  DigestEngine,
  digestOf,
  type DigestState,
  digestState,
} from "./digest.ts";
export { Finisher, type StopRequest } from "./finisher.ts";
export * from "./memory_map.ts";
export { MemoryWindow } from "./memory_window.ts";
export { Platform, type PlatformOptions } from "./platform.ts";
export { Plic, PLIC_REGISTER, type PlicState, plicState } from "./plic.ts";
export { Uart, UART_REGISTER, type UartState, uartState } from "./uart.ts";
