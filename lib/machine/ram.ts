import { Fd } from "../../ffi/fd.ts";
import { fileStatus } from "../../ffi/file_status.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError, type CprRegistry } from "../cpr/mod.ts";
import type { MigrationBlockers } from "../migration/mod.ts";

/** Options of {@linkcode RamBlock}. */
export interface RamBlockOptions {
  /** Unique in the machine; identifies the block in stream and CPR state. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Whether writes are visible to other processes with its memfd. */
  readonly share: boolean;
}

const SAME_OPTIONS = "Start the new program with the same memory options";

/**
 * Creates the RAM of a machine, or takes over the RAM that the old process handed
 * over, all of which must belong to this machine.
 *
 * @param registry what was handed over; empty on a first start
 * @throws {CprError} when what was handed over is not this machine's RAM
 */
export function makeRam(
  blocks: readonly RamBlockOptions[],
  origin: "new" | "preserved",
  registry: CprRegistry,
  blockers: MigrationBlockers,
): RamBlock[] {
  const make = origin === "new" ? RamBlock.create : RamBlock.takeOver;
  using made = new DisposableStack();
  const ram = blocks.map((block) => made.use(make(block, registry)));
  if (origin === "preserved") refuseOthers(registry, blocks);
  for (const { name, share } of blocks) {
    if (!share) blockers.add(["cpr-transfer", "cpr-exec"], notShared(name));
  }
  made.move();
  return ram;
}

function refuseOthers(
  registry: CprRegistry,
  blocks: readonly RamBlockOptions[],
): void {
  for (const { name, id } of registry.walk()) {
    if (id === 0 && blocks.some((block) => block.name === name)) continue;
    throw new CprError(
      "cpr-unknown",
      `Descriptor "${name}" id ${id} was handed over: ` +
        "this machine does not use it",
      { remedy: SAME_OPTIONS },
    );
  }
}

/** The migration blocker for a block that is not shared. */
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
  readonly #mapping: Mapping;

  private constructor(
    options: RamBlockOptions,
    private readonly memfd: Fd,
    private readonly registry: CprRegistry,
  ) {
    this.name = options.name;
    this.share = options.share;
    this.#mapping = Mapping.map(memfd, {
      length: options.size,
      shared: options.share,
      writable: true,
    });
  }

  /**
   * Creates a block of zeros.
   *
   * @throws {OsError} when there is no memory
   */
  static create(options: RamBlockOptions, registry: CprRegistry): RamBlock {
    const { name, size, share } = options;
    using made = new DisposableStack();
    const memfd = made.use(createMemfd(name, { size }));
    if (share) {
      registry.save(name, 0, memfd.number);
      made.defer(() => registry.delete(name, 0));
    }
    const block = new RamBlock(options, memfd, registry);
    made.move();
    return block;
  }

  /**
   * Takes over the block of that name from the old process.
   *
   * @throws {CprError} when there is none, or it is not this block
   */
  static takeOver(options: RamBlockOptions, registry: CprRegistry): RamBlock {
    const { name } = options;
    const preserved = registry.find(name, 0);
    if (preserved === undefined) {
      throw new CprError(
        "cpr-missing",
        `RAMBlock "${name}" was not handed over: it would be all zero`,
        { remedy: SAME_OPTIONS },
      );
    }
    checkPreserved(preserved, options);
    return new RamBlock(options, Fd.adopt(preserved), registry);
  }

  /** Bytes in use: all, as no block is resizable. */
  get usedLength(): number {
    return this.#mapping.length;
  }

  /** The memory of the block. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /** Virtual address of the mapping in this process. */
  get address(): bigint {
    return this.#mapping.address;
  }

  /** Inode of the memfd: the same before and after an exec. */
  get inode(): bigint {
    return this.memfd.stat().ino;
  }

  get descriptor(): number {
    return this.memfd.number;
  }

  /** Unmaps and closes the block, and removes it from the registry. */
  [Symbol.dispose](): void {
    this.registry.delete(this.name, 0);
    this.#mapping[Symbol.dispose]();
    this.memfd.close();
  }
}

/** Detects mixed-up descriptors: a memfd has the name of its block. */
function checkPreserved(descriptor: number, options: RamBlockOptions): void {
  const { name, size } = options;
  const link = Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  if (link !== `/memfd:${name} (deleted)`) {
    throw new CprError(
      "cpr-wrong-descriptor",
      `Descriptor ${descriptor} was preserved as RAMBlock "${name}": ` +
        `it is "${link}"`,
    );
  }
  const actual = fileStatus(descriptor).size;
  if (actual !== size) {
    throw new CprError(
      "cpr-wrong-size",
      `RAMBlock "${name}" was preserved with ${actual} bytes: ` +
        `this machine has ${size}`,
      { remedy: SAME_OPTIONS },
    );
  }
}
