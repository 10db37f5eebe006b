import type { Phase, PhaseName } from "./report.ts";

/**
 * Is told of each phase before it begins; the update waits for its answer,
 * which counts for no phase.
 */
export type PhaseObserver = (name: PhaseName) => void | Promise<void>;

/** Measures the phases of one update, one after another. */
export class PhaseClock {
  readonly #origin = performance.now();
  readonly #observer: PhaseObserver | undefined;
  readonly #done: Phase[] = [];
  #current: { name: PhaseName; start: number } | undefined;

  constructor(observer?: PhaseObserver) {
    this.#observer = observer;
  }

  /** Ends the phase under way and begins the next. */
  async begin(name: PhaseName): Promise<void> {
    this.end();
    await this.#observer?.(name);
    this.#current = { name, start: this.elapsed() };
  }

  /** Ends the phase under way. */
  end(): void {
    if (this.#current === undefined) return;
    const { name, start } = this.#current;
    this.#done.push({
      name,
      start_ms: round(start),
      duration_ms: round(this.elapsed() - start),
    });
    this.#current = undefined;
  }

  /** Milliseconds since the update began. */
  elapsed(): number {
    return performance.now() - this.#origin;
  }

  /** The phases that are over. */
  get phases(): readonly Phase[] {
    return this.#done;
  }
}

/** Milliseconds to the microsecond. */
export function round(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1000) / 1000);
}
