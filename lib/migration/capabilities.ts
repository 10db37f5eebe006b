import { MigrationError } from "./error.ts";

/** The migration capabilities of QEMU 11.1, in its order. */
const CAPABILITIES = `
  xbzrle rdma-pin-all auto-converge events postcopy-ram x-colo release-ram
  return-path pause-before-switchover multifd dirty-bitmaps postcopy-blocktime
  late-block-activate x-ignore-shared validate-uuid background-snapshot
  zero-copy-send postcopy-preempt switchover-ack dirty-limit mapped-ram
`.trim().split(/\s+/);

/** Those that the embedded machine supports. */
const SUPPORTED = [
  "events",
  "pause-before-switchover",
  "x-ignore-shared",
  "validate-uuid",
  "mapped-ram",
] as const;

/** Those that change the layout of the stream, and are named in it. */
const OF_THE_LAYOUT = ["x-ignore-shared", "mapped-ram"] as const;

export type MigrationCapability = typeof SUPPORTED[number];

/** The state of the capabilities; all are off in a new process. */
export class MigrationCapabilities {
  #on = new Set<string>();

  /** True if a capability is on. */
  has(capability: MigrationCapability): boolean {
    return this.#on.has(capability);
  }

  /** Those that are named in the stream; both sides must have the same. */
  get ofTheLayout(): string[] {
    return OF_THE_LAYOUT.filter((it) => this.has(it));
  }

  /**
   * Switches several capabilities, or none if one of them fails.
   *
   * @throws {MigrationError} when one is unknown or not supported
   */
  set(
    switches: readonly {
      readonly capability: string;
      readonly state: boolean;
    }[],
  ): void {
    const on = new Set(this.#on);
    for (const { capability, state } of switches) {
      check(capability, state);
      if (state) on.add(capability);
      else on.delete(capability);
    }
    this.#on = on;
  }

  /** Every capability with its state, in QEMU's order. */
  list(): { capability: string; state: boolean }[] {
    return CAPABILITIES
      .map((capability) => ({ capability, state: this.#on.has(capability) }));
  }
}

function check(name: string, state: boolean): void {
  if (!CAPABILITIES.includes(name)) {
    throw new MigrationError(
      "bad-capability",
      `Parameter "capability" does not accept value "${name}"`,
    );
  }
  if (state && !SUPPORTED.some((it) => it === name)) {
    throw new MigrationError(
      "bad-capability",
      `Capability "${name}" is not supported by this machine`,
    );
  }
}
