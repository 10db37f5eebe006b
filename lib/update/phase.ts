import { messageOf } from "../errors.ts";

/**
 * How an update moves a VM: in its process; into another one, which gets its
 * RAM; or into another one, to which its RAM is copied.
 */
export const MODES = ["cpr-exec", "cpr-transfer", "live"] as const;
export type Mode = typeof MODES[number];

/** What an operator can ask for: a way, or the better one for each VM. */
export const MODE_CHOICES = ["auto", ...MODES] as const;
export type ModeChoice = typeof MODE_CHOICES[number];

/** The phases of an update, in order. */
export const PHASES = [
  "facts",
  "preflight",
  "prepare",
  "migrate",
  "hold",
  "switchover",
  "load",
  "verify",
  "commit",
  "rollback",
] as const;

/** A phase of an update. */
export type PhaseName = typeof PHASES[number];

/** A phase that is over; in milliseconds since the update began. */
export interface Phase {
  readonly name: PhaseName;
  readonly start_ms: number;
  readonly duration_ms: number;
}

/**
 * Called and awaited before each phase; that time is not attributed to any
 * phase. If it throws, the update ends, but only while the VM is untouched.
 */
export type PhaseObserver = (name: PhaseName) => void | Promise<void>;

/** Measures the phases of one update. */
export class PhaseClock {
  readonly #origin = performance.now();
  readonly #done: Phase[] = [];
  readonly #problems: string[] = [];
  #ignoresErrors = false;
  #current: { name: PhaseName; start: number } | undefined;

  constructor(private readonly observer?: PhaseObserver) {}

  /** Ends the current phase and begins the next. */
  async begin(name: PhaseName): Promise<void> {
    this.end();
    await this.#notify(name);
    this.#current = { name, start: this.elapsed() };
  }

  /** Ends the current phase. */
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

  /** From now on an observer's error must not end the update. */
  ignoreObserverErrors(): void {
    this.#ignoresErrors = true;
  }

  /** The errors of the observer since then. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async #notify(name: PhaseName): Promise<void> {
    try {
      await this.observer?.(name);
    } catch (error) {
      if (!this.#ignoresErrors) throw error;
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

/** Rounds milliseconds to whole microseconds. */
export function round(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1000) / 1000);
}
