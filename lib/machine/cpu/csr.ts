/**
 * CSR numbers, their bits, and trap causes of machine mode, as in the RISC-V
 * privileged specification 1.12.
 *
 * @module
 */

/** CSR numbers. */
export const CSR = {
  mstatus: 0x300,
  misa: 0x301,
  mie: 0x304,
  mtvec: 0x305,
  mstatush: 0x310,
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mip: 0x344,
  mcycle: 0xb00,
  minstret: 0xb02,
  mcycleh: 0xb80,
  minstreth: 0xb82,
  cycle: 0xc00,
  time: 0xc01,
  instret: 0xc02,
  cycleh: 0xc80,
  timeh: 0xc81,
  instreth: 0xc82,
  mvendorid: 0xf11,
  marchid: 0xf12,
  mimpid: 0xf13,
  mhartid: 0xf14,
  mconfigptr: 0xf15,
} as const;

/** Bits of mstatus. MPP is always machine mode, the only mode. */
export const MSTATUS = {
  MIE: 1 << 3,
  MPIE: 1 << 7,
  MPP: 3 << 11,
} as const;

/** Interrupts as bits of mie and mip; the bit number is the cause. */
export const INTERRUPT = {
  software: 1 << 3,
  timer: 1 << 7,
  external: 1 << 11,
} as const;

/** All interrupts of the hart. */
export const ALL_INTERRUPTS = INTERRUPT.software | INTERRUPT.timer |
  INTERRUPT.external;

/** Exception causes. */
export const CAUSE = {
  instructionMisaligned: 0,
  instructionFault: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadFault: 5,
  storeMisaligned: 6,
  storeFault: 7,
  machineCall: 11,
} as const;

/** Set in mcause when the trap is an interrupt. */
export const INTERRUPT_CAUSE = 0x8000_0000;

/** Bits of mcause: the interrupt flag and the 16 base causes. */
export const CAUSE_BITS = 0x8000_000f;

/** misa: RV32 with A, I and M. */
export const MISA = 0x4000_0000 | 1 << 0 | 1 << 8 | 1 << 12;
