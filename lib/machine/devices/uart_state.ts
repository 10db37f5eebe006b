import { requireClear, requireThat } from "../cpu/mod.ts";
import {
  bool,
  timer,
  u16,
  u8,
  type Value,
  varray,
  vmstate,
} from "../../vmstate/mod.ts";

/** Characters that the receive FIFO holds. */
export const FIFO_DEPTH = 16;

/** Bits of the registers that can be set. */
export const UART_BITS = {
  ier: 0x0f,
  fcr: 0xc1,
  mcr: 0x1f,
} as const;

/** Set in FCR while the FIFO is on; without it there is one character. */
export const FIFO_ENABLED = 0x01;

/**
 * Characters wait in the FIFO and nothing has come or gone for a while: sent
 * only then, as most of the time the FIFO is empty.
 */
const uartTimeoutState = vmstate("uart/timeout", { version: 1 }, {
  /** The interrupt is there. */
  pending: bool(),
  /** When it will be; null when it is. */
  deadline: timer(),
}, {
  postLoad({ pending, deadline }) {
    requireThat(
      pending === (deadline === null) && (deadline ?? 0n) >= 0n,
      "deadline",
      deadline,
      pending ? "null, as the timeout is pending" : "a time",
    );
  },
});

export const uartState = vmstate("uart", { version: 1 }, {
  divisor: u16(),
  ier: u8(),
  fcr: u8(),
  lcr: u8(),
  mcr: u8(),
  scr: u8(),
  /** A character came and found no room. */
  overrun: bool(),
  /** The transmitter became empty, and the guest has not seen it. */
  transmitted: bool(),
  rxCount: u8(),
  rx: varray(u8(), "rxCount"),
}, {
  subsections: { timeout: uartTimeoutState },
  postLoad({ ier, fcr, mcr, rxCount, timeout }) {
    requireClear("ier", ier, ~UART_BITS.ier);
    requireClear("fcr", fcr, ~UART_BITS.fcr);
    requireClear("mcr", mcr, ~UART_BITS.mcr);
    const depth = (fcr & FIFO_ENABLED) !== 0 ? FIFO_DEPTH : 1;
    requireThat(rxCount <= depth, "rxCount", rxCount, `at most ${depth}`);
    const waits = depth === FIFO_DEPTH && rxCount > 0;
    requireThat(
      (timeout !== undefined) === waits,
      "rxCount",
      rxCount,
      waits ? "0 without a timeout" : "more than 0 with a timeout",
    );
  },
});

export type UartState = Value<typeof uartState>;
export type UartTimeout = Value<typeof uartTimeoutState>;
