/** A RISC-V hart that interprets guest RAM. @module */

export {
  type HartBus,
  MAXIMUM_RAM,
  PAGE_BITS,
  RAM_BASE,
  type Width,
} from "./bus.ts";
export { requireAtMost, requireClear, requireThat } from "./checks.ts";
export { CAUSE, CSR, INTERRUPT, INTERRUPT_CAUSE, MSTATUS } from "./csr.ts";
export { highHalf, lowHalf, withHigh, withLow } from "./halves.ts";
export { Hart, type RunResult, type StopReason } from "./hart.ts";
export { type HartState, hartState } from "./state.ts";
