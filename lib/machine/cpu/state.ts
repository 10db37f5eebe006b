import {
  array,
  bool,
  initialValue,
  struct,
  u32,
  u64,
  type Value,
  vmstate,
} from "../../vmstate/mod.ts";
import { requireClear, requireThat } from "./checks.ts";
import { ALL_INTERRUPTS, CAUSE_BITS, MSTATUS } from "./csr.ts";

/** The trap registers of a hart. */
const trapState = vmstate("cpu/trap", { version: 1 }, {
  mstatus: u32(),
  mie: u32(),
  mtvec: u32(),
  mscratch: u32(),
  mepc: u32(),
  mcause: u32(),
  mtval: u32(),
}, {
  postLoad({ mstatus, mie, mtvec, mepc, mcause }) {
    const { MIE, MPIE, MPP } = MSTATUS;
    requireClear("mstatus", mstatus, ~(MIE | MPIE | MPP));
    requireThat((mstatus & MPP) === MPP, "mstatus", mstatus, "in machine mode");
    requireClear("mie", mie, ~ALL_INTERRUPTS);
    requireClear("mtvec", mtvec, 2);
    requireClear("mepc", mepc, 3);
    requireClear("mcause", mcause, ~CAUSE_BITS);
  },
});

export type TrapState = Value<typeof trapState>;

/** The trap registers after reset. */
export function resetTrap(): TrapState {
  return { ...initialValue(trapState), mstatus: MSTATUS.MPP };
}

/** The word that LR reserved; sent while it is reserved. */
const reservationState = vmstate("cpu/reservation", { version: 1 }, {
  address: u32(),
}, {
  postLoad({ address }) {
    requireClear("address", address, 3);
  },
});

/** The state of a hart. Registers are unsigned. */
export const hartState = vmstate("cpu", { version: 1 }, {
  pc: u32(),
  x: array(u32(), 32),
  trap: struct(trapState),
  /** mcycle and minstret. */
  cycles: u64(),
  instret: u64(),
  /** True after WFI until an enabled interrupt is pending. */
  waiting: bool(),
}, {
  subsections: { reservation: reservationState },
  postLoad({ pc, x }) {
    requireClear("pc", pc, 3);
    requireClear("x[0]", x[0] ?? 0, 0xffff_ffff);
  },
});

export type HartState = Value<typeof hartState>;
