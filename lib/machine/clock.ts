/**
 * The guest's clock: nanoseconds for which the VM has run, over all processes
 * it ran in. It stands still while the VM is stopped.
 */
export class VirtualClock {
  #elapsed = 0n;
  /** Host time of the last start; undefined while it stands. */
  #startedAt: bigint | undefined;

  /** Nanoseconds of guest time. */
  now(): bigint {
    if (this.#startedAt === undefined) return this.#elapsed;
    return this.#elapsed + (hostNow() - this.#startedAt);
  }

  start(): void {
    this.#startedAt ??= hostNow();
  }

  stop(): void {
    this.#elapsed = this.now();
    this.#startedAt = undefined;
  }

  /** Sets a clock that stands, from a loaded state. */
  set(nanoseconds: bigint): void {
    this.#elapsed = nanoseconds;
  }
}

const NANOSECONDS_A_MILLISECOND = 1e6;

function hostNow(): bigint {
  return BigInt(Math.round(performance.now() * NANOSECONDS_A_MILLISECOND));
}
