import { CprError } from "./error.ts";
import type { CprDescriptor, CprState } from "./state.ts";

/**
 * The descriptors that a process preserves over cpr-exec, by name and id. It
 * does not own them: the caller that saved a descriptor deletes it here and
 * closes it.
 *
 * @example
 * ```ts
 * import { CprRegistry } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const registry = new CprRegistry();
 * registry.save("ram0", 0, 7);
 * assertEquals(registry.find("ram0", 0), 7);
 * assertEquals(registry.delete("ram0", 0), true);
 * ```
 */
export class CprRegistry {
  readonly #entries = new Map<string, CprDescriptor>();

  /** A registry with the entries that the old process handed over. */
  static of(state: CprState): CprRegistry {
    const registry = new CprRegistry();
    for (const { name, id, descriptor } of state.descriptors) {
      registry.save(name, id, descriptor);
    }
    return registry;
  }

  /**
   * Adds a descriptor.
   *
   * @throws {CprError} when the name and id are taken
   */
  save(name: string, id: number, descriptor: number): void {
    if (this.#entries.has(key(name, id))) {
      throw new CprError(
        "cpr-duplicate",
        `Descriptor "${name}" id ${id} is preserved already`,
      );
    }
    this.#entries.set(key(name, id), { name, id, descriptor });
  }

  /** The descriptor of that name and id, or undefined. */
  find(name: string, id: number): number | undefined {
    return this.#entries.get(key(name, id))?.descriptor;
  }

  /** Removes a descriptor; true if it was there. */
  delete(name: string, id: number): boolean {
    return this.#entries.delete(key(name, id));
  }

  /** Every entry, in the order in which they were saved. */
  walk(): Iterable<CprDescriptor> {
    return this.#entries.values();
  }

  /** The table to hand over. */
  toState(): CprState {
    return { descriptors: [...this.walk()], vfioDevices: [] };
  }
}

function key(name: string, id: number): string {
  return `${id}/${name}`;
}
