import { messageOf } from "../../errors.ts";
import type { Phase, PhaseName } from "../phase.ts";

/**
 * Is told of each phase before it begins; the update waits for its answer,
 * which counts for no phase. What it throws ends an update that has touched
 * nothing yet, and no other.
 */
export type PhaseObserver = (name: PhaseName) => void | Promise<void>;

/** Measures the phases of one update, one after another. */
export class PhaseClock {
  readonly #origin = performance.now();
  readonly #observer: PhaseObserver | undefined;
  readonly #done: Phase[] = [];
  readonly #problems: string[] = [];
  #goesOn = false;
  #current: { name: PhaseName; start: number } | undefined;

  constructor(observer?: PhaseObserver) {
    this.#observer = observer;
  }

  /** Ends the phase under way and begins the next. */
  async begin(name: PhaseName): Promise<void> {
    this.end();
    await this.#tell(name);
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

  /** From now on a VM depends on it that the update comes to its end. */
  goOn(): void {
    this.#goesOn = true;
  }

  /** What whoever observes threw since then. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async #tell(name: PhaseName): Promise<void> {
    try {
      await this.#observer?.(name);
    } catch (error) {
      if (!this.#goesOn) throw error;
      this.#problems.push(messageOf(error));
    }
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
