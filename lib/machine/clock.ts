/**
 * The guest's clock: the nanoseconds that the VM has run, in all its processes.
 * It stops while the VM is stopped.
 */
export class VirtualClock {
  #elapsed = 0n;
  /** Host time of the last start; undefined while stopped. */
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

  /** Sets a stopped clock to the value of a loaded state. */
  set(nanoseconds: bigint): void {
    this.#elapsed = nanoseconds;
  }
}

const NANOSECONDS_A_MILLISECOND = 1e6;

function hostNow(): bigint {
  return BigInt(Math.round(performance.now() * NANOSECONDS_A_MILLISECOND));
}
