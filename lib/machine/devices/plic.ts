/**
 * The platform-level interrupt controller, with one context: it picks the
 * pending source of the highest priority above the threshold.
 *
 * ```
 *             line high            claim               complete
 * idle ────────────────▶ pending ────────▶ in service ──────────▶ idle
 *
 * 00_0000 + 4 n   priority of source n, 0 (never) to 7
 * 00_1000         pending, one bit per source
 * 00_2000         enabled, one bit per source
 * 20_0000         threshold
 * 20_0004         read: claim; write: complete
 * ```
 *
 * @module
 */

import { requireAtMost, requireClear, type Width } from "../cpu/mod.ts";
import {
  array,
  initialValue,
  u32,
  type Value,
  vmstate,
} from "../../vmstate/mod.ts";
import { type Device, StatefulDevice } from "./device.ts";

/** Sources 1 to 7; 0 means "none". */
const PLIC_SOURCES = 8;
const MAXIMUM_PRIORITY = 7;
const SOURCE_BITS = 2 ** PLIC_SOURCES - 2;

/** Offsets of the registers. */
export const PLIC_REGISTER = {
  priority: 0x00_0000,
  pending: 0x00_1000,
  enabled: 0x00_2000,
  threshold: 0x20_0000,
  claim: 0x20_0004,
} as const;

export const plicState = vmstate("plic", { version: 1 }, {
  priority: array(u32(), PLIC_SOURCES),
  pending: u32(),
  /** Claimed and not completed. */
  inService: u32(),
  enabled: u32(),
  threshold: u32(),
}, {
  postLoad({ priority, pending, inService, enabled, threshold }) {
    for (const [source, value] of priority.entries()) {
      const limit = source === 0 ? 0 : MAXIMUM_PRIORITY;
      requireAtMost(`priority[${source}]`, value, limit);
    }
    requireClear("pending", pending, ~SOURCE_BITS | inService);
    requireClear("inService", inService, ~SOURCE_BITS);
    requireClear("enabled", enabled, ~SOURCE_BITS);
    requireAtMost("threshold", threshold, MAXIMUM_PRIORITY);
  },
});

export type PlicState = Value<typeof plicState>;

export class Plic extends StatefulDevice<PlicState> implements Device {
  constructor() {
    super(() => initialValue(plicState));
  }

  /** Samples the lines, one bit per source. */
  raise(lines: number): void {
    this.state.pending |= lines & SOURCE_BITS & ~this.state.inService;
  }

  /** True while a source can be claimed. */
  get interrupt(): boolean {
    return this.#best() !== 0;
  }

  read(offset: number, width: Width): number | undefined {
    if (width !== 4) return undefined;
    switch (offset) {
      case PLIC_REGISTER.pending:
        return this.state.pending;
      case PLIC_REGISTER.enabled:
        return this.state.enabled;
      case PLIC_REGISTER.threshold:
        return this.state.threshold;
      case PLIC_REGISTER.claim:
        return this.#claim();
      default:
        return this.state.priority[offset / 4] ?? 0;
    }
  }

  write(offset: number, width: Width, value: number): boolean {
    if (width !== 4) return false;
    switch (offset) {
      case PLIC_REGISTER.pending:
        break;
      case PLIC_REGISTER.enabled:
        this.state.enabled = value & SOURCE_BITS;
        break;
      case PLIC_REGISTER.threshold:
        this.state.threshold = value & MAXIMUM_PRIORITY;
        break;
      case PLIC_REGISTER.claim:
        this.#complete(value);
        break;
      default:
        this.#setPriority(offset / 4, value & MAXIMUM_PRIORITY);
    }
    return true;
  }

  #setPriority(source: number, value: number): void {
    if (source > 0 && source < PLIC_SOURCES) {
      this.state.priority[source] = value;
    }
  }

  /** The source with the highest priority, the lowest of equal ones; 0 for none. */
  #best(): number {
    let best = 0;
    let highest = this.state.threshold;
    const candidates = this.state.pending & this.state.enabled;
    for (const [source, priority] of this.state.priority.entries()) {
      if ((candidates & 1 << source) !== 0 && priority > highest) {
        best = source;
        highest = priority;
      }
    }
    return best;
  }

  #claim(): number {
    const source = this.#best();
    if (source === 0) return 0;
    this.state.pending &= ~(1 << source);
    this.state.inService |= 1 << source;
    return source;
  }

  #complete(source: number): void {
    if (source > 0 && source < PLIC_SOURCES) {
      this.state.inService &= ~(1 << source);
    }
  }
}
