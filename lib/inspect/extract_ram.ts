/**
 * Extracts the guest RAM of a stream to files, one for each RAMBlock, with
 * holes for pages of zeros.
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import { InspectError } from "./error.ts";
import { type FinalPages, finalPages } from "./final_pages.ts";
import type { Input } from "./input.ts";
import type { StreamInspection } from "./inspection.ts";
import {
  explaining,
  namelessFile,
  type NewFile,
  partialFile,
} from "./new_file.ts";
import { UniqueNames } from "./unique_names.ts";

/** A file that was written. */
export interface ExtractedBlock {
  readonly block: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes that were written; the rest are holes. */
  readonly written: number;
}

/** Guest memory is private. */
const FOLDER_MODE = 0o700;
/** They stay open; a hostile stream may have more than any VM. */
const MOST_NAMELESS = 64;
/** Bytes for one write. */
const BATCH = 1024 * 1024;
/** The limit is 255 bytes; a number may be added. */
const LONGEST_NAME = 200;

/**
 * Writes the RAM into a directory, which is created if needed. No file is
 * replaced, and none is written outside the directory; if one cannot be
 * written, none is left. Files get their names at the end.
 *
 * @param progress called with the number of bytes of the stream that are done
 * @throws {MigrationStreamError} when the stream is damaged
 * @throws {InspectError} when a file cannot be written, or exists
 */
export function extractRam(
  inspection: StreamInspection,
  input: Input,
  folder: string,
  progress: (offset: number) => void = () => {},
): ExtractedBlock[] {
  if (inspection.problem !== undefined) throw inspection.problem;
  using undo = new DisposableStack();
  const names = new UniqueNames(".");
  const passed = (offset: number) => {
    input.passed(offset);
    progress(offset);
  };
  const batch = new Uint8Array(BATCH);
  makeFolder(folder);
  using open = new DisposableStack();
  const finished: { path: string; made: NewFile }[] = [];
  const extracted = finalPages(inspection).map((pages) => {
    const { name: block, usedLength: size } = pages.block;
    const name = names.take(fileName(block));
    const path = `${folder}/${name}`;
    using closing = new DisposableStack();
    const nameless = finished.length < MOST_NAMELESS
      ? namelessFile(path, open)
      : undefined;
    const made = nameless ??
      partialFile(path, `${folder}/${names.take(`${name}.part`)}`, {
        stack: closing,
        undo,
      });
    finished.push({ path, made });
    const { file } = made;
    const writer = new BlockWriter(path, file, pages.pageSize, batch);
    explaining(path, () => file.truncate(size));
    writePages(pages, input.bytes, writer, passed);
    return { block, path, size, written: writer.written };
  });
  for (const { path, made } of finished) {
    made.publish();
    undo.defer(() => Deno.removeSync(path));
  }
  undo.move();
  return extracted;
}

function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new InspectError(
      "unwritable",
      `Cannot create directory "${folder}": ${error.message}`,
    );
  }
}

/**
 * A file name for a block. The stream is not trusted: only plain characters are
 * kept.
 */
function fileName(block: string): string {
  return block.replaceAll(/[^A-Za-z0-9@:,+=_.-]/g, "_")
    .replace(/^\.+/, "_").slice(0, LONGEST_NAME);
}

function writePages(
  pages: FinalPages,
  input: Uint8Array,
  writer: BlockWriter,
  passed: (offset: number) => void,
): void {
  let place = 0;
  for (const page of pages.pages()) {
    if (pages.isZero(page)) continue;
    const content = pages.content(page);
    if (content === undefined) continue;
    if (writer.add(page, content)) passed(place);
    // A page from a delta is not a view of the stream.
    if (content.buffer === input.buffer) {
      place = content.byteOffset - input.byteOffset;
    }
  }
  writer.flush();
  passed(place);
}

/** Writes consecutive pages together. */
class BlockWriter {
  /** Number of bytes written. */
  written = 0;
  #length = 0;
  #start = 0;

  /** @param batch the buffer for pages */
  constructor(
    private readonly path: string,
    private readonly file: Fd,
    private readonly pageSize: number,
    private readonly batch: Uint8Array,
  ) {}

  /** @returns whether the pages before it were written */
  add(page: number, content: Uint8Array): boolean {
    const start = page * this.pageSize;
    const mustFlush = start !== this.#start + this.#length ||
      this.#length + content.length > this.batch.length;
    if (mustFlush) {
      this.flush();
      this.#start = start;
    }
    this.batch.set(content, this.#length);
    this.#length += content.length;
    return mustFlush;
  }

  flush(): void {
    const bytes = this.batch.subarray(0, this.#length);
    explaining(this.path, () => {
      for (let done = 0; done < bytes.length;) {
        done += this.file.pwrite(bytes.subarray(done), this.#start + done);
      }
    });
    this.written += bytes.length;
    this.#length = 0;
  }
}
