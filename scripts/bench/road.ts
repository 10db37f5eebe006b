import type {
  QemuBuild,
  QemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";
import { dropFromCache, mappedFiles } from "./page_cache.ts";

/** There and back between two builds. */
export class Road {
  #at: QemuBuild;
  readonly #filesOf = new Map<QemuBuild, string[]>();

  constructor(
    readonly vm: VirtualMachine,
    readonly builds: QemuBuilds,
    readonly cold = false,
  ) {
    this.#at = builds.old;
  }

  /** The build that the VM is not on. */
  get other(): QemuBuild {
    return this.#at === this.builds.old ? this.builds.new : this.builds.old;
  }

  /** The build to move to. */
  async next(): Promise<QemuBuild> {
    this.#filesOf.set(this.#at, await mappedFiles(this.vm.pid));
    this.#at = this.other;
    if (this.cold) dropFromCache(this.#filesOf.get(this.#at) ?? []);
    return this.#at;
  }
}
