import { Fd } from "../../ffi/fd.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError, type CprRegistry } from "../cpr/mod.ts";
import type { MigrationBlockers } from "../migration/mod.ts";

/** What a RAMBlock is made from. */
export interface RamBlockOptions {
  /** Unique in the machine; the stream and CPR state know the block by it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether other processes that have its memfd see what is written. */
  readonly share: boolean;
}

/** What forbids preserving a block that is not shared. */
function notShared(name: string): string {
  return `RAMBlock "${name}" cannot be preserved: share=on is required for ` +
    "memory-backend objects, and aux-ram-share=on for all other RAM";
}

/**
 * A piece of guest memory: a memfd mapped into this process. A shared one is
 * preserved over cpr-exec: the new process finds its memfd and maps it again,
 * at another address, with everything in it.
 */
export class RamBlock implements Disposable {
  readonly name: string;
  readonly share: boolean;
  readonly #memfd: Fd;
  readonly #mapping: Mapping;
  readonly #registry: CprRegistry;

  private constructor(
    options: RamBlockOptions,
    memfd: Fd,
    registry: CprRegistry,
  ) {
    this.name = options.name;
    this.share = options.share;
    this.#memfd = memfd;
    this.#registry = registry;
    this.#mapping = Mapping.map(memfd, {
      length: options.size,
      shared: options.share,
      writable: true,
    });
  }

  /**
   * Makes a block, or takes over the one that an old process preserved under
   * its name.
   *
   * @throws {CprError} when what was preserved is not this block
   */
  static create(
    options: RamBlockOptions,
    registry: CprRegistry,
    blockers: MigrationBlockers,
  ): RamBlock {
    const { name, size, share } = options;
    if (!share) blockers.add(["cpr-transfer", "cpr-exec"], notShared(name));
    const preserved = registry.find(name, 0);
    if (preserved !== undefined) {
      const memfd = Fd.adopt(preserved);
      checkPreserved(memfd, options);
      return new RamBlock(options, memfd, registry);
    }
    const memfd = createMemfd(name, { size });
    if (share) registry.save(name, 0, memfd.number);
    return new RamBlock(options, memfd, registry);
  }

  /** Bytes in use: all of it, as no block is resizable. */
  get usedLength(): number {
    return this.#mapping.length;
  }

  /** The block as the guest sees it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /** Virtual address of the mapping in this process. */
  get address(): bigint {
    return this.#mapping.address;
  }

  /** Inode of the memfd: the same before and after an exec. */
  get inode(): bigint {
    return this.#memfd.stat().ino;
  }

  get descriptor(): number {
    return this.#memfd.number;
  }

  /** Unmaps and closes the block, which is preserved no more. */
  [Symbol.dispose](): void {
    this.#registry.delete(this.name, 0);
    this.#mapping[Symbol.dispose]();
    this.#memfd.close();
  }
}

/** A block's memfd carries its name, so a mix-up of descriptors is noticed. */
function checkPreserved(memfd: Fd, options: RamBlockOptions): void {
  const { name, size } = options;
  const link = Deno.readLinkSync(`/proc/self/fd/${memfd.number}`);
  if (link !== `/memfd:${name} (deleted)`) {
    throw new CprError(
      "cpr-wrong-descriptor",
      `Descriptor ${memfd.number} was preserved as RAMBlock "${name}": ` +
        `it is "${link}"`,
    );
  }
  const actual = memfd.stat().size;
  if (actual !== size) {
    throw new CprError(
      "cpr-wrong-size",
      `RAMBlock "${name}" was preserved with ${actual} bytes: ` +
        `this machine has ${size}`,
      { remedy: "Start the new program with the same memory options" },
    );
  }
}
