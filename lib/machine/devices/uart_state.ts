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

/** Characters of the receive FIFO. */
export const FIFO_DEPTH = 16;

/** Writable bits of the registers. */
export const UART_BITS = {
  ier: 0x0f,
  fcr: 0xc1,
  mcr: 0x1f,
} as const;

/** Set in FCR while the FIFO is on; without the FIFO there is one character. */
export const FIFO_ENABLED = 0x01;

/**
 * The receive timeout. Sent only if the FIFO has characters, which is rare.
 */
const uartTimeoutState = vmstate("uart/timeout", { version: 1 }, {
  /** Whether the interrupt is pending. */
  pending: bool(),
  /** When it will be raised; null if it is pending. */
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
  /** A character was lost because the FIFO was full. */
  overrun: bool(),
  /** The transmitter-empty interrupt is pending. */
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
