/**
 * Guest memory of a stream as files, one a RAMBlock, with holes where pages
 * are zeros. Where a page was sent again, the last one counts.
 *
 * @module
 */

import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } from "../../ffi/open_flags.ts";
import {
  mappedBitmapSize,
  type PageRun,
  type RamBlock,
  RamFlag,
} from "../migration/stream/mod.ts";
import { InspectError } from "./error.ts";
import type { Input } from "./input.ts";
import type { StreamInspection } from "./inspection.ts";
import { applyXbzrle } from "./xbzrle.ts";

/** A file that was written. */
export interface ExtractedBlock {
  readonly block: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes that were written; the rest are holes. */
  readonly written: number;
}

/** Guest memory is nobody else's business. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Bytes that gather before they are written. */
const BATCH = 1024 * 1024;
/** The longest file name is 255 bytes; a number may follow. */
const LONGEST_NAME = 200;

/**
 * Writes the memory into a folder, which is made if need be. No file is
 * replaced, and none is written outside the folder.
 *
 * @param progress told how many bytes of the stream are done
 * @throws {MigrationStreamError} when the stream cannot be read to its end
 * @throws {InspectError} when a file cannot be written, or is there already
 */
export function extractRam(
  inspection: StreamInspection,
  input: Input,
  folder: string,
  progress: (offset: number) => void = () => {},
): ExtractedBlock[] {
  if (inspection.problem !== undefined) throw inspection.problem;
  const { records, layout } = inspection.decoded;
  using files = new DisposableStack();
  const blocks: BlockFile[] = [];
  const names = new Set<string>();
  makeFolder(folder);
  for (const record of records) {
    if (!("pages" in record)) continue;
    for (const block of record.blocks ?? []) {
      const path = `${folder}/${fileName(block.name, names)}`;
      const file = files.use(BlockFile.create(path, block, layout.pageSize));
      blocks.push(file);
      file.writeMapped(input.bytes);
      if (block.mapped !== undefined) {
        progress(block.mapped.pagesOffset + block.usedLength);
      }
    }
    for (const run of record.pages) {
      const file = blocks[run.block];
      if (file === undefined || run.kind === RamFlag.MULTIFD_FLUSH) continue;
      file.writeRun(run, input.bytes);
      input.passed(run.at);
      progress(run.at);
    }
  }
  return blocks.map(({ block, path, written }) => ({
    block: block.name,
    path,
    size: block.usedLength,
    written,
  }));
}

function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new InspectError(
      "unwritable",
      `Cannot make folder "${folder}": ${error.message}`,
      { cause: error },
    );
  }
}

/**
 * A block's name as that of a file: the stream may say what it likes, so
 * nothing but plain characters is left, and no two are alike.
 */
function fileName(block: string, used: Set<string>): string {
  const plain = block.replaceAll(/[^A-Za-z0-9@:,+=_.-]/g, "_")
    .replace(/^\.+/, "_").slice(0, LONGEST_NAME);
  let name = plain;
  for (let number = 2; used.has(name); number++) name = `${plain}.${number}`;
  used.add(name);
  return name;
}

class BlockFile implements Disposable {
  /** Bytes that were written. */
  written = 0;
  readonly #present = new PageSet();

  private constructor(
    readonly path: string,
    readonly block: RamBlock,
    readonly pageSize: number,
    readonly file: Fd,
  ) {}

  static create(path: string, block: RamBlock, pageSize: number): BlockFile {
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    return explaining(path, () => {
      const file = Fd.open(path, flags, FILE_MODE);
      try {
        file.truncate(block.usedLength);
        return new BlockFile(path, block, pageSize, file);
      } catch (error) {
        file.close();
        throw error;
      }
    });
  }

  /** The pages that mapped-ram keeps together. */
  writeMapped(input: Uint8Array): void {
    const { mapped, usedLength } = this.block;
    if (mapped === undefined) return;
    const { bitmapOffset, pagesOffset, pageSize } = mapped;
    const end = bitmapOffset + mappedBitmapSize(this.block, pageSize);
    const bitmap = input.subarray(bitmapOffset, end);
    const pages = Math.ceil(usedLength / pageSize);
    const isThere = (page: number) =>
      page < pages && ((bitmap[page >> 3] ?? 0) & (1 << (page & 7))) !== 0;
    const longest = Math.max(1, Math.floor(BATCH / pageSize));
    for (let page = 0; page < pages;) {
      if (!isThere(page)) {
        page++;
        continue;
      }
      let last = page + 1;
      while (last - page < longest && isThere(last)) last++;
      const start = page * pageSize;
      const stop = Math.min(last * pageSize, usedLength);
      this.#write(
        input.subarray(pagesOffset + start, pagesOffset + stop),
        start,
      );
      page = last;
    }
  }

  writeRun(run: PageRun, input: Uint8Array): void {
    switch (run.kind) {
      case RamFlag.PAGE:
        return this.#pages(run, input);
      case RamFlag.ZERO:
        return this.#zeros(run);
      case RamFlag.XBZRLE:
        return this.#delta(run, input);
    }
  }

  #pages({ address, count, at }: PageRun, input: Uint8Array): void {
    const { pageSize } = this;
    const step = 8 + pageSize;
    const longest = Math.max(1, Math.floor(BATCH / pageSize));
    const batch = new Uint8Array(Math.min(count, longest) * pageSize);
    for (let done = 0; done < count;) {
      const some = Math.min(longest, count - done);
      for (let index = 0; index < some; index++) {
        const from = at + (done + index) * step;
        batch.set(input.subarray(from, from + pageSize), index * pageSize);
      }
      this.#write(
        batch.subarray(0, some * pageSize),
        address + done * pageSize,
      );
      done += some;
    }
    this.#present.add(address / pageSize, count);
  }

  /** Zeros are a hole, unless something was there before. */
  #zeros({ address, count }: PageRun): void {
    const zeros = new Uint8Array(this.pageSize);
    for (let index = 0; index < count; index++) {
      const page = address / this.pageSize + index;
      if (this.#present.has(page)) this.#write(zeros, page * this.pageSize);
    }
  }

  #delta({ address, at, length }: PageRun, input: Uint8Array): void {
    const page = new Uint8Array(this.pageSize);
    explaining(this.path, () => this.file.pread(page, address));
    applyXbzrle(input.subarray(at, at + length), page, at);
    this.#write(page, address);
    this.#present.add(address / this.pageSize, 1);
  }

  #write(bytes: Uint8Array, address: number): void {
    explaining(this.path, () => {
      for (let done = 0; done < bytes.length;) {
        done += this.file.pwrite(bytes.subarray(done), address + done);
      }
    });
    this.written += bytes.length;
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** Pages of a set share a bitmap with those near them. */
const PAGES_NEAR = 32_768;

/** Page numbers; takes memory for those that are in it only. */
class PageSet {
  readonly #bitmaps = new Map<number, Uint8Array>();

  add(first: number, count: number): void {
    for (let page = first; page < first + count; page++) {
      const near = Math.floor(page / PAGES_NEAR);
      const bit = page % PAGES_NEAR;
      let bitmap = this.#bitmaps.get(near);
      if (bitmap === undefined) {
        bitmap = new Uint8Array(PAGES_NEAR / 8);
        this.#bitmaps.set(near, bitmap);
      }
      bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  has(page: number): boolean {
    const bit = page % PAGES_NEAR;
    const bitmap = this.#bitmaps.get(Math.floor(page / PAGES_NEAR));
    return ((bitmap?.[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }
}

function explaining<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new InspectError(
      "unwritable",
      `Cannot write "${path}": ${error.description} (${error.code})`,
      {
        cause: error,
        ...error.code === "EEXIST"
          ? { remedy: "Name a folder that is empty, or not there yet" }
          : {},
      },
    );
  }
}
