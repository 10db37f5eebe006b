import { MigrationError } from "./error.ts";

/**
 * The migration capabilities of QEMU 11.1, in its order. `true` for those that
 * the embedded machine supports.
 */
const CAPABILITIES = {
  xbzrle: false,
  "rdma-pin-all": false,
  "auto-converge": false,
  events: true,
  "postcopy-ram": false,
  "x-colo": false,
  "release-ram": false,
  "return-path": false,
  "pause-before-switchover": true,
  multifd: false,
  "dirty-bitmaps": false,
  "postcopy-blocktime": false,
  "late-block-activate": false,
  "x-ignore-shared": false,
  "validate-uuid": true,
  "background-snapshot": false,
  "zero-copy-send": false,
  "postcopy-preempt": false,
  "switchover-ack": false,
  "dirty-limit": false,
  "mapped-ram": false,
} as const;

export type MigrationCapability = keyof typeof CAPABILITIES;

/** The state of the capabilities; all are off in a new process. */
export class MigrationCapabilities {
  #on = new Set<MigrationCapability>();

  /** True if a capability is on. */
  has(capability: MigrationCapability): boolean {
    return this.#on.has(capability);
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
      const known = check(capability, state);
      if (state) on.add(known);
      else on.delete(known);
    }
    this.#on = on;
  }

  /** Every capability with its state, in QEMU's order. */
  list(): { capability: MigrationCapability; state: boolean }[] {
    return Object.keys(CAPABILITIES).filter(isCapability)
      .map((capability) => ({ capability, state: this.has(capability) }));
  }
}

function check(name: string, state: boolean): MigrationCapability {
  if (!isCapability(name)) {
    throw new MigrationError(
      "bad-capability",
      `Parameter "capability" does not accept value "${name}"`,
    );
  }
  if (state && !CAPABILITIES[name]) {
    throw new MigrationError(
      "bad-capability",
      `Capability "${name}" is not supported by this machine`,
    );
  }
  return name;
}

function isCapability(name: string): name is MigrationCapability {
  return Object.hasOwn(CAPABILITIES, name);
}
