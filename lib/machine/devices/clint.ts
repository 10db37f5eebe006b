/**
 * The core-local interruptor: mtime at 10 MHz of guest time, the timer
 * interrupt from mtimecmp, and the software interrupt.
 *
 * ```
 * 0000  msip           bit 0 is the software interrupt
 * 4000  mtimecmp       two words; timer interrupt while mtime >= mtimecmp
 * bff8  mtime          two words
 * ```
 *
 * @module
 */

import {
  highHalf,
  lowHalf,
  requireThat,
  type Width,
  withHigh,
  withLow,
} from "../cpu/mod.ts";
import {
  bool,
  i64,
  initialValue,
  timer,
  u64,
  type Value,
  vmstate,
} from "../../vmstate/mod.ts";
import { type Clock, type Device, StatefulDevice } from "./device.ts";
import { TICKS_A_SECOND } from "./memory_map.ts";

const NANOSECONDS_A_TICK = BigInt(1e9 / TICKS_A_SECOND);
const NEVER = 2n ** 64n - 1n;
/** The largest deadline of a timer in ns. */
const LAST_DEADLINE = 2n ** 63n - 1n;

/** Offsets of the registers. */
export const CLINT_REGISTER = {
  msip: 0x0000,
  mtimecmp: 0x4000,
  mtimecmpHigh: 0x4004,
  mtime: 0xbff8,
  mtimeHigh: 0xbffc,
} as const;

export const clintState = vmstate("clint", { version: 1 }, {
  msip: bool(),
  mtimecmp: u64(),
  /** mtime is guest time in ticks plus this, modulo 2^64. */
  timeBase: i64(),
  /** When the timer interrupt will be raised; null if it is, or never will be. */
  deadline: timer(),
}, {
  postLoad({ mtimecmp, timeBase, deadline }) {
    requireThat(
      deadline === null || deadline === deadlineOf(mtimecmp, timeBase),
      "deadline",
      deadline,
      "what mtimecmp and timeBase say",
    );
  },
});

export type ClintState = Value<typeof clintState>;

function deadlineOf(mtimecmp: bigint, timeBase: bigint): bigint | null {
  const deadline = (mtimecmp - timeBase) * NANOSECONDS_A_TICK;
  return deadline >= 0n && deadline <= LAST_DEADLINE ? deadline : null;
}

export class Clint extends StatefulDevice<ClintState> implements Device {
  constructor(private readonly clock: Clock) {
    super(() => ({ ...initialValue(clintState), mtimecmp: NEVER }));
  }

  /** Ticks of 100 ns, 64 bits. */
  get mtime(): bigint {
    const ticks = this.clock() / NANOSECONDS_A_TICK;
    return BigInt.asUintN(64, ticks + this.state.timeBase);
  }

  get softwareInterrupt(): boolean {
    return this.state.msip;
  }

  get timerInterrupt(): boolean {
    return this.mtime >= this.state.mtimecmp;
  }

  override nextDeadline(): bigint | null {
    if (this.timerInterrupt) return null;
    return deadlineOf(this.state.mtimecmp, this.state.timeBase);
  }

  override snapshot(): ClintState {
    return { ...this.state, deadline: this.nextDeadline() };
  }

  read(offset: number, width: Width): number | undefined {
    if (width !== 4) return undefined;
    switch (offset) {
      case CLINT_REGISTER.msip:
        return this.state.msip ? 1 : 0;
      case CLINT_REGISTER.mtimecmp:
        return lowHalf(this.state.mtimecmp);
      case CLINT_REGISTER.mtimecmpHigh:
        return highHalf(this.state.mtimecmp);
      case CLINT_REGISTER.mtime:
        return lowHalf(this.mtime);
      case CLINT_REGISTER.mtimeHigh:
        return highHalf(this.mtime);
      default:
        return 0;
    }
  }

  write(offset: number, width: Width, value: number): boolean {
    if (width !== 4) return false;
    switch (offset) {
      case CLINT_REGISTER.msip:
        this.state.msip = (value & 1) !== 0;
        break;
      case CLINT_REGISTER.mtimecmp:
        this.state.mtimecmp = withLow(this.state.mtimecmp, value);
        break;
      case CLINT_REGISTER.mtimecmpHigh:
        this.state.mtimecmp = withHigh(this.state.mtimecmp, value);
        break;
      case CLINT_REGISTER.mtime:
        this.#setTime(withLow(this.mtime, value));
        break;
      case CLINT_REGISTER.mtimeHigh:
        this.#setTime(withHigh(this.mtime, value));
        break;
    }
    return true;
  }

  #setTime(mtime: bigint): void {
    const ticks = this.clock() / NANOSECONDS_A_TICK;
    this.state.timeBase = BigInt.asIntN(64, mtime - ticks);
  }
}
