/**
 * Extracts the guest RAM of a stream to files, one for each RAMBlock, with
 * holes for pages of zeros.
 *
 * @module
 */

import { Fd } from "../../ffi/fd.ts";
import { OsError, osError } from "../../ffi/libc.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TMPFILE,
} from "../../ffi/open_flags.ts";
import { ifThereSync } from "../gone.ts";
import { InspectError } from "./error.ts";
import { type FinalPages, finalPages } from "./final_pages.ts";
import type { Input } from "./input.ts";
import type { StreamInspection } from "./inspection.ts";
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
const NEW_FILE = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
const FILE_MODE = 0o600;
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
 * written, none is left. Files get their names at the end, so that nothing
 * looks whole if the process is killed, for example by SIGBUS when its mapped
 * stream is truncated: at most files NAME.part are left, where files cannot be
 * without a name.
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
  const finished: { path: string; publish: () => void }[] = [];
  const extracted = finalPages(inspection).map((pages) => {
    const { name: block, usedLength: size } = pages.block;
    const name = names.take(fileName(block));
    const path = `${folder}/${name}`;
    // An early check; a file that appears later is noticed as well.
    refuseExisting(path);
    using closing = new DisposableStack();
    let file = finished.length < MOST_NAMELESS
      ? createNameless(folder)
      : undefined;
    if (file === undefined) {
      const part = `${folder}/${names.take(`${name}.part`)}`;
      file = explaining(part, () => Fd.open(part, NEW_FILE, FILE_MODE));
      undo.defer(() => ifThereSync(() => Deno.removeSync(part)));
      closing.use(file);
      const publish = () => {
        refuseExisting(path);
        Deno.renameSync(part, path);
      };
      finished.push({ path, publish });
    } else {
      const nameless = open.use(file);
      finished.push({ path, publish: () => nameless.link(path) });
    }
    const writer = new BlockWriter(path, file, pages.pageSize, batch);
    explaining(path, () => file.truncate(size));
    writePages(pages, input.bytes, writer, passed);
    return { block, path, size, written: writer.written };
  });
  for (const { path, publish } of finished) {
    explaining(path, publish);
    undo.defer(() => Deno.removeSync(path));
  }
  undo.move();
  return extracted;
}

function refuseExisting(path: string): void {
  explaining(path, () => {
    const found = ifThereSync(() => Deno.lstatSync(path));
    if (found !== undefined) throw osError("EEXIST", "open", path);
  });
}

/** Undefined if the file system does not support O_TMPFILE. */
function createNameless(folder: string): Fd | undefined {
  try {
    return Fd.open(folder, O_TMPFILE | O_RDWR, FILE_MODE);
  } catch (error) {
    const unknown = ["EOPNOTSUPP", "EISDIR", "ENOENT", "EINVAL"];
    if (error instanceof OsError && unknown.includes(error.code)) return;
    throw explained(folder, error);
  }
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

function explaining<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explained(path, error);
  }
}

function explained(path: string, error: unknown): unknown {
  if (!(error instanceof OsError)) return error;
  return new InspectError(
    "unwritable",
    `Cannot write "${path}": ${error.description} (${error.code})`,
    error.code === "EEXIST"
      ? { remedy: "Give a directory that is empty or does not exist" }
      : {},
  );
}
