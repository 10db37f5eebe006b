import type { Source } from "../../stream/mod.ts";
import { MigrationStreamError } from "./error.ts";
import { hex } from "./hex.ts";
import { PLAIN_RAM_LAYOUT, type RamBlock } from "./ram_block.ts";
import { RamFlag, type RamPageRecord, RamReader } from "./ram_records.ts";

/** The guest memory that a stream is loaded into. */
export interface IncomingRam {
  /** Blocks of this machine; the stream must list exactly these. */
  readonly blocks: readonly Pick<RamBlock, "name" | "usedLength">[];
  /**
   * Takes a page. Without it no page may come: the mode keeps RAM in place.
   * With it, every page must come.
   *
   * @param offset offset in the block
   * @param page 4096 bytes, valid during the call only
   */
  page?(block: string, offset: number, page: Uint8Array): void;
}

const { pageSize } = PLAIN_RAM_LAYOUT;
const ZERO_PAGE = new Uint8Array(pageSize);

/**
 * Reads RAM twice: first to check it, page contents untouched; then, when the
 * whole stream was right, to hand the pages over.
 */
export class RamLoad {
  readonly #source: Source;
  readonly #target: IncomingRam;
  readonly #reader = new RamReader(PLAIN_RAM_LAYOUT);
  /** Stream offsets of the payloads; START is the first. */
  readonly #payloads: number[] = [];
  /** By block: one byte a page, 1 when it came. */
  #arrived: Uint8Array[] = [];
  #ended = false;

  constructor(source: Source, target: IncomingRam) {
    this.#source = source;
    this.#target = target;
  }

  /** True once END was read. */
  get ended(): boolean {
    return this.#ended;
  }

  start(): void {
    this.#payloads.push(this.#source.offset);
    this.#reader.readStart(this.#source, {
      blockList: (blocks) => this.#checkBlocks(blocks),
      page: (record) => this.#arrive(record),
    });
  }

  part(): void {
    this.#payloads.push(this.#source.offset);
    this.#reader.readPages(this.#source, {
      page: (record) => this.#arrive(record),
    });
  }

  end(): void {
    this.part();
    this.#ended = true;
  }

  /** Throws unless every page came that should have. */
  checkComplete(): void {
    if (this.#target.page === undefined) return;
    for (const [index, pages] of this.#arrived.entries()) {
      const missing = pages.indexOf(0);
      if (missing < 0) continue;
      throw this.#problem(
        `page ${hex(missing * pageSize)} of RAM block ` +
          `"${this.#reader.blocks[index]?.name}" never came`,
      );
    }
  }

  /** Hands the pages over. */
  apply(): void {
    if (this.#target.page === undefined) return;
    const reader = new RamReader(PLAIN_RAM_LAYOUT);
    const end = this.#source.offset;
    const visitor = { page: (record: RamPageRecord) => this.#apply(record) };
    for (const [index, offset] of this.#payloads.entries()) {
      this.#source.seek(offset);
      if (index === 0) reader.readStart(this.#source, visitor);
      else reader.readPages(this.#source, visitor);
    }
    this.#source.seek(end);
  }

  #apply({ kind, block, address, at, length }: RamPageRecord): void {
    const name = this.#reader.blocks[block]?.name ?? "";
    if (kind === RamFlag.ZERO) this.#target.page?.(name, address, ZERO_PAGE);
    else {
      const after = this.#source.offset;
      this.#source.seek(at);
      this.#target.page?.(name, address, this.#source.bytes(length));
      this.#source.seek(after);
    }
  }

  #checkBlocks(blocks: readonly RamBlock[]): void {
    for (const { name, usedLength } of blocks) {
      const own = this.#target.blocks.find((block) => block.name === name);
      if (own === undefined) {
        throw this.#problem(`unknown RAM block "${name}"`);
      }
      if (own.usedLength !== usedLength) {
        throw this.#problem(
          `RAM block "${name}" has ${hex(usedLength)} bytes in the stream ` +
            `and ${hex(own.usedLength)} here`,
        );
      }
    }
    for (const { name } of this.#target.blocks) {
      if (!blocks.some((block) => block.name === name)) {
        throw this.#problem(`RAM block "${name}" is not in the stream`);
      }
    }
    if (this.#target.page === undefined) return;
    this.#arrived = blocks.map(({ usedLength }) =>
      new Uint8Array(Math.floor(usedLength / pageSize))
    );
  }

  #arrive({ kind, block, address }: RamPageRecord): void {
    if (this.#target.page === undefined) {
      throw this.#problem("a page came, but this mode keeps RAM in place");
    }
    if (kind === RamFlag.XBZRLE) {
      throw this.#problem("XBZRLE was not agreed upon");
    }
    if (kind === RamFlag.COMPRESS) {
      throw this.#problem("compressed pages were not agreed upon");
    }
    const pages = this.#arrived[block];
    if (pages !== undefined) pages[address / pageSize] = 1;
  }

  #problem(problem: string): MigrationStreamError {
    return new MigrationStreamError(problem, { offset: this.#source.offset });
  }
}
