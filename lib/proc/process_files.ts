import type { Fd } from "../../ffi/fd.ts";
import { openForeignFile, openRoot } from "../../ffi/foreign_file.ts";
import { type DescriptorInfo, readFdinfo } from "./fdinfo.ts";
import type { FileLock } from "./locks.ts";
import { readDescriptors } from "./descriptors.ts";
import { findFile, type FoundFile, isSameIdentity } from "./file_identity.ts";

/** A descriptor of another process. */
export interface OpenFile {
  /** Such as "/path", "socket:[4711]" or "/memfd:name (deleted)". */
  readonly link: string;
  readonly info: FoundFile;
}

/** The files of a process, as that process sees them. */
export class ProcessFiles {
  #open: Promise<ReadonlyMap<number, OpenFile>> | undefined;

  constructor(private readonly pid: number) {}

  /** A path of the process, as this process can reach it. */
  reach(path: string): string {
    return path.startsWith("/")
      ? `/proc/${this.pid}/root${path}`
      : `/proc/${this.pid}/cwd/${path}`;
  }

  /** The file at a path of the process; undefined if there is none. */
  async stat(path: string): Promise<FoundFile | undefined> {
    return await findFile(this.reach(path));
  }

  /**
   * Opens a regular file at an absolute path of the process; never one outside its
   * root.
   *
   * @throws {OsError}
   */
  openToRead(path: string): Fd {
    using root = openRoot(`/proc/${this.pid}/root`);
    return openForeignFile(path, { followLink: true, root });
  }

  /** Every descriptor that is open. */
  open(): Promise<ReadonlyMap<number, OpenFile>> {
    return this.#open ??= this.#readOpen();
  }

  /** Whether the process has this file open. */
  async hasOpen(file: FoundFile): Promise<boolean> {
    for (const { info } of (await this.open()).values()) {
      if (isSameFile(info, file)) return true;
    }
    return false;
  }

  /** Details of a descriptor; undefined if it is not open. */
  async info(descriptor: number): Promise<DescriptorInfo | undefined> {
    return await readFdinfo(this.pid, descriptor);
  }

  /** The locks that the process holds through its descriptors. */
  async locks(): Promise<FileLock[]> {
    const locks: FileLock[] = [];
    for (const number of (await this.open()).keys()) {
      locks.push(...(await this.info(number))?.locks ?? []);
    }
    return locks;
  }

  async #readOpen(): Promise<ReadonlyMap<number, OpenFile>> {
    const files = new Map<number, OpenFile>();
    for (const [number, link] of await readDescriptors(this.pid)) {
      // Undefined if it was closed after the directory was listed.
      const info = await findFile(`/proc/${this.pid}/fd/${number}`);
      if (info !== undefined) files.set(number, { link, info });
    }
    return files;
  }
}

/** A block device keeps its number when its node in /dev is created again. */
function isSameFile(a: FoundFile, b: FoundFile): boolean {
  return a.isBlockDevice === true && b.isBlockDevice === true
    ? a.rdev === b.rdev
    : isSameIdentity(a.identity, b.identity);
}
