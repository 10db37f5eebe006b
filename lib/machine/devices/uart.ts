/**
 * A serial port with the registers of a 16550A, one byte each.
 *
 * ```
 * offset  read              write
 * 0       RBR (DLL)         THR (DLL)      in brackets: while LCR bit 7 is set
 * 1       IER (DLM)         IER (DLM)
 * 2       IIR               FCR
 * 3       LCR               LCR
 * 4       MCR               MCR
 * 5       LSR               -
 * 6       MSR               -
 * 7       SCR               SCR
 * ```
 *
 * Characters are sent at once, so the transmitter is always empty. Modem lines
 * change in loopback only, and cause no interrupts; there are no framing errors.
 * Characters below the trigger level cause an interrupt after four character
 * times; the state of this timeout is in a subsection.
 *
 * @module
 */

import {
  requireAtMost,
  requireClear,
  requireThat,
  type Width,
} from "../cpu/mod.ts";
import {
  bool,
  initialValue,
  timer,
  u16,
  u8,
  type Value,
  varray,
  vmstate,
} from "../../vmstate/mod.ts";
import { type Clock, type Device, StatefulDevice } from "./device.ts";

/** Offsets of the registers. */
export const UART_REGISTER = {
  data: 0,
  ier: 1,
  iirFcr: 2,
  lcr: 3,
  mcr: 4,
  lsr: 5,
  msr: 6,
  scr: 7,
} as const;

/** Bits of IER. */
const UART_ENABLE = { received: 1, transmitted: 2, lineStatus: 4 };

const CLEAR_RECEIVER = 0x02;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

const IIR = {
  none: 0x01,
  transmitted: 0x02,
  received: 0x04,
  lineStatus: 0x06,
  timeout: 0x0c,
  fifoEnabled: 0xc0,
} as const;

const DIVISOR_LATCH = 0x80;
const LOOPBACK = 0x10;

const LSR = { dataReady: 0x01, overrun: 0x02, transmitterEmpty: 0x60 } as const;
/** Clear to send, data set ready, carrier detect. */
const MODEM_READY = 0xb0;

/** Four characters of ten bits, at 115200 baud for a divisor of 1. */
const TIMEOUT_NANOSECONDS = BigInt(Math.round(4 * 10 * 1e9 / 115_200));

/** Characters of the receive FIFO. */
const FIFO_DEPTH = 16;

/** Writable bits of the registers. */
const UART_BITS = { ier: 0x0f, fcr: 0xc1, mcr: 0x1f } as const;

/** Set in FCR while the FIFO is on; without the FIFO there is one character. */
const FIFO_ENABLED = 0x01;

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
    requireAtMost("rxCount", rxCount, depth);
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
type UartTimeout = Value<typeof uartTimeoutState>;

export class Uart extends StatefulDevice<UartState> implements Device {
  constructor(
    private readonly clock: Clock,
    /** Receives each byte that the guest sends. */
    private readonly send: (byte: number) => void,
  ) {
    super(() => ({ ...initialValue(uartState), divisor: 1, lcr: 3 }));
  }

  /** Free characters of the FIFO. */
  get room(): number {
    return this.#depth - this.state.rxCount;
  }

  /**
   * Receives a character.
   *
   * @returns false if the FIFO is full: it is lost, and LSR has an overrun
   */
  receive(byte: number): boolean {
    if (this.room <= 0) {
      this.state.overrun = true;
      return false;
    }
    this.state.rx.push(byte & 0xff);
    this.#rxChanged();
    return true;
  }

  /** True while an enabled interrupt is pending. */
  get interrupt(): boolean {
    return this.#source() !== IIR.none;
  }

  override nextDeadline(): bigint | null {
    return this.#timeout()?.deadline ?? null;
  }

  read(offset: number, width: Width): number | undefined {
    if (width !== 1) return undefined;
    const state = this.state;
    const latch = (state.lcr & DIVISOR_LATCH) !== 0;
    switch (offset) {
      case UART_REGISTER.data:
        return latch ? state.divisor & 0xff : this.#takeReceived();
      case UART_REGISTER.ier:
        return latch ? state.divisor >> 8 : state.ier;
      case UART_REGISTER.iirFcr:
        return this.#identify();
      case UART_REGISTER.lcr:
        return state.lcr;
      case UART_REGISTER.mcr:
        return state.mcr;
      case UART_REGISTER.lsr:
        return this.#takeLineStatus();
      case UART_REGISTER.msr:
        return this.#isLoopback ? loopedModem(state.mcr) : MODEM_READY;
      default:
        return state.scr;
    }
  }

  write(offset: number, width: Width, value: number): boolean {
    if (width !== 1) return false;
    const state = this.state;
    const byte = value & 0xff;
    const latch = (state.lcr & DIVISOR_LATCH) !== 0;
    switch (offset) {
      case UART_REGISTER.data:
        if (latch) state.divisor = state.divisor & 0xff00 | byte;
        else this.#transmit(byte);
        break;
      case UART_REGISTER.ier:
        if (latch) state.divisor = state.divisor & 0xff | byte << 8;
        else this.#enable(byte & UART_BITS.ier);
        break;
      case UART_REGISTER.iirFcr:
        this.#controlFifo(byte);
        break;
      case UART_REGISTER.lcr:
        state.lcr = byte;
        break;
      case UART_REGISTER.mcr:
        state.mcr = byte & UART_BITS.mcr;
        break;
      case UART_REGISTER.scr:
        state.scr = byte;
        break;
    }
    return true;
  }

  get #isFifo(): boolean {
    return (this.state.fcr & FIFO_ENABLED) !== 0;
  }

  get #depth(): number {
    return this.#isFifo ? FIFO_DEPTH : 1;
  }

  get #isLoopback(): boolean {
    return (this.state.mcr & LOOPBACK) !== 0;
  }

  /** The trigger level of the receiver. */
  get #trigger(): number {
    return this.#isFifo ? TRIGGER_LEVELS[this.state.fcr >> 6] ?? 1 : 1;
  }

  /** Restarts the timeout after a character was received or read. */
  #rxChanged(): void {
    const state = this.state;
    state.rxCount = state.rx.length;
    if (!this.#isFifo || state.rxCount === 0) {
      delete state.timeout;
      return;
    }
    const wait = TIMEOUT_NANOSECONDS * BigInt(Math.max(1, state.divisor));
    state.timeout = { pending: false, deadline: this.clock() + wait };
  }

  /** The state of the timeout. */
  #timeout(): UartTimeout | undefined {
    const { timeout } = this.state;
    const deadline = timeout?.deadline ?? null;
    if (timeout === undefined || deadline === null) return timeout;
    if (this.clock() < deadline) return timeout;
    return this.state.timeout = { pending: true, deadline: null };
  }

  #source(): number {
    const { ier, overrun, rxCount, transmitted } = this.state;
    if ((ier & UART_ENABLE.lineStatus) !== 0 && overrun) return IIR.lineStatus;
    if ((ier & UART_ENABLE.received) !== 0) {
      if (rxCount >= this.#trigger) return IIR.received;
      if (this.#timeout()?.pending) return IIR.timeout;
    }
    if ((ier & UART_ENABLE.transmitted) !== 0 && transmitted) {
      return IIR.transmitted;
    }
    return IIR.none;
  }

  #identify(): number {
    const source = this.#source();
    if (source === IIR.transmitted) this.state.transmitted = false;
    return source | (this.#isFifo ? IIR.fifoEnabled : 0);
  }

  #takeReceived(): number {
    const byte = this.state.rx.shift();
    if (byte === undefined) return 0;
    this.#rxChanged();
    return byte;
  }

  #takeLineStatus(): number {
    const { rxCount, overrun } = this.state;
    this.state.overrun = false;
    return LSR.transmitterEmpty | (rxCount > 0 ? LSR.dataReady : 0) |
      (overrun ? LSR.overrun : 0);
  }

  #transmit(byte: number): void {
    if (this.#isLoopback) this.receive(byte);
    else this.send(byte);
    this.state.transmitted = true;
  }

  /** Enabling the transmitter's interrupt raises it, as it is empty. */
  #enable(ier: number): void {
    const risen = ier & ~this.state.ier;
    if ((risen & UART_ENABLE.transmitted) !== 0) this.state.transmitted = true;
    this.state.ier = ier;
  }

  /** Turning the FIFO on or off clears it, as does the clear bit. */
  #controlFifo(byte: number): void {
    const turns = ((byte ^ this.state.fcr) & FIFO_ENABLED) !== 0;
    this.state.fcr = (byte & FIFO_ENABLED) !== 0 ? byte & UART_BITS.fcr : 0;
    if (!turns && (byte & CLEAR_RECEIVER) === 0) return;
    this.state.rx = [];
    this.#rxChanged();
  }
}

/** In loopback: DTR is seen as DSR, RTS as CTS, OUT1 as RI, OUT2 as DCD. */
function loopedModem(mcr: number): number {
  return (mcr & 0x0c) << 4 | (mcr & 0x02) << 3 | (mcr & 0x01) << 5;
}
