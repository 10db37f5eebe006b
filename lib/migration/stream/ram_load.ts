import type { DecodedStream, RamSection } from "./decoded.ts";
import { hex, problemAt, problemIn } from "./error.ts";
import type { PageRun } from "./page_runs.ts";
import {
  isKept,
  mappedRuns,
  PLAIN_RAM_LAYOUT,
  type RamBlock,
} from "./ram_block.ts";
import { RamFlag } from "./ram_records.ts";

/** A block of this machine. */
export interface IncomingBlock extends Pick<RamBlock, "name" | "usedLength"> {
  /** Whether its pages are not in the stream: x-ignore-shared. */
  readonly isLeftOut?: boolean;
}

/** The guest RAM that a stream is loaded into. */
export interface IncomingRam {
  /** Blocks of this machine; the stream must list exactly these. */
  readonly blocks: readonly IncomingBlock[];
  /**
   * Receives a page. Without it the stream must have no pages, because RAM is
   * preserved; with it, the stream must have every page.
   *
   * @param offset offset in the block
   * @param page 4096 bytes, valid only during the call
   */
  page?(block: string, offset: number, page: Uint8Array): void;
}

const { pageSize } = PLAIN_RAM_LAYOUT;
const ZERO_PAGE = new Uint8Array(pageSize);

/** Checks all of RAM; applies the pages after the whole stream was valid. */
export class RamLoad {
  readonly #sections: RamSection[] = [];
  #blocks: readonly RamBlock[] = [];
  /** By block: one byte for each page, 1 if it was in the stream. */
  #arrived: Uint8Array[] = [];

  constructor(
    private readonly stream: DecodedStream,
    private readonly target: IncomingRam,
  ) {}

  /** True after END. */
  get ended(): boolean {
    return this.#sections.at(-1)?.type === "end";
  }

  /** @throws {MigrationStreamError} when it does not match this machine */
  check(section: RamSection): void {
    const problem = this.ended
      ? "it goes on after its end"
      : this.#blocksProblem(section.blocks) ?? this.#pagesProblem(section);
    if (problem !== undefined) throw problemIn(section, problem);
    this.#sections.push(section);
  }

  /** Throws if pages are missing. */
  checkComplete(): void {
    for (const [index, pages] of this.#arrived.entries()) {
      const missing = pages.indexOf(0);
      if (missing < 0) continue;
      throw problemAt(
        `page ${hex(missing * pageSize)} of RAM block ` +
          `"${this.#blocks[index]?.name}" never came`,
        this.stream.input.length,
      );
    }
  }

  /** Applies the pages. */
  apply(): void {
    for (const block of this.#blocks) this.#applyMapped(block);
    for (const { pages } of this.#sections) {
      for (const run of pages) this.#apply(run);
    }
  }

  /** With mapped-ram a page that is not in the file is zero. */
  #applyMapped(block: RamBlock): void {
    const { name, usedLength, mapped } = block;
    if (mapped === undefined || !isKept(mapped)) return;
    const { input } = this.stream;
    const put = (page: number, bytes: Uint8Array) =>
      this.target.page?.(name, page * pageSize, bytes);
    for (let page = 0; page < usedLength / pageSize; page++) {
      put(page, ZERO_PAGE);
    }
    for (const { first, count } of mappedRuns(input, block, mapped)) {
      for (let page = first; page < first + count; page++) {
        const at = mapped.pagesOffset + page * pageSize;
        put(page, input.subarray(at, at + pageSize));
      }
    }
  }

  #apply({ kind, block, address, count, at, length, step }: PageRun): void {
    const name = this.#blocks[block]?.name ?? "";
    for (let index = 0; index < count; index++) {
      const start = at + index * step;
      const page = kind === RamFlag.ZERO
        ? ZERO_PAGE
        : this.stream.input.subarray(start, start + length);
      this.target.page?.(name, address + index * pageSize, page);
    }
  }

  #blocksProblem(blocks: RamSection["blocks"]): string | undefined {
    if (blocks === undefined) return undefined;
    this.#blocks = blocks;
    for (const { name, usedLength } of blocks) {
      const own = this.target.blocks.find((block) => block.name === name);
      if (own === undefined) return `unknown RAM block "${name}"`;
      if (own.usedLength !== usedLength) {
        return `RAM block "${name}" has ${hex(usedLength)} bytes in the ` +
          `stream and ${hex(own.usedLength)} here`;
      }
    }
    for (const { name, mapped } of blocks) {
      if (mapped === undefined || !isKept(mapped)) continue;
      if (mapped.pageSize !== pageSize) {
        return `RAM block "${name}" has pages of ${mapped.pageSize} bytes`;
      }
      if (this.#isLeftOut(name)) return pagesOfSharedFile(name);
    }
    const missing = this.target.blocks.find(({ name }) =>
      !blocks.some((block) => block.name === name)
    );
    if (missing !== undefined) {
      return `RAM block "${missing.name}" is not in the stream`;
    }
    if (this.target.page === undefined) return undefined;
    this.#arrived = blocks.map(({ name, usedLength, mapped }) =>
      this.#isLeftOut(name)
        ? new Uint8Array()
        : new Uint8Array(Math.floor(usedLength / pageSize))
          .fill(mapped !== undefined && isKept(mapped) ? 1 : 0)
    );
    return undefined;
  }

  #isLeftOut(name: string): boolean {
    return this.target.blocks.some((it) => it.name === name && it.isLeftOut);
  }

  #pagesProblem({ pages }: RamSection): string | undefined {
    for (const { kind, block, address, count } of pages) {
      if (kind === RamFlag.MULTIFD_FLUSH) continue;
      if (this.target.page === undefined) {
        return "a page came, but this mode keeps RAM in place";
      }
      const name = this.#blocks[block]?.name ?? "";
      if (this.#isLeftOut(name)) return pagesOfSharedFile(name);
      if (kind === RamFlag.XBZRLE) return "XBZRLE was not agreed upon";
      if (kind === RamFlag.COMPRESS) {
        return "compressed pages were not agreed upon";
      }
      const first = address / pageSize;
      this.#arrived[block]?.fill(1, first, first + count);
    }
    return undefined;
  }
}

function pagesOfSharedFile(name: string): string {
  return `pages came of RAM block "${name}", which is a shared file`;
}
