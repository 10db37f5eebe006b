/**
 * The unix sockets at which a process itself listens. A command line can name
 * any socket, so this is checked before a connection is made.
 *
 * `/proc/PID/fd` has the inodes of the sockets, and `/proc/PID/net/unix` the
 * path of each, as passed to bind(2):
 *
 * ```
 * Num RefCount Protocol Flags    Type St Inode Path
 * …:  00000002 00000000 00010000 0001 01 30437 /run/vm/a.qmp
 * ```
 *
 * @module
 */

import { forEachLine } from "../../bounded_file.ts";
import { readDescriptors } from "../../proc/descriptors.ts";

/** In /proc/net/unix: a socket that listens. */
const LISTENING = /^\S+ \S+ \S+ ([0-9A-F]{3}1[0-9A-F]{4}) \S+ \S+ +(\d+) (.+)$/;

/** Other users of the host may have a hundred thousand sockets. */
const TABLE_TIMEOUT_MS = 10_000;

/** By path, the links of the sockets in /proc/PID/fd. */
type Table = ReadonlyMap<string, ReadonlySet<string>>;

/** Sockets of many processes; each network namespace is read once. */
export class ListeningSockets {
  readonly #paths: ReadonlySet<string>;
  readonly #tables = new Map<string, Promise<Table>>();

  /** @param paths to look for, as the processes write them */
  constructor(paths: Iterable<string>) {
    this.#paths = new Set(paths);
  }

  /**
   * Whether a process listens at a path.
   *
   * @throws {UnreadableError} when the kernel's table cannot be read in time
   */
  async has(pid: number, path: string): Promise<boolean> {
    const sockets = (await this.#table(pid)).get(path);
    if (sockets === undefined) return false;
    for (const link of (await readDescriptors(pid)).values()) {
      if (sockets.has(link)) return true;
    }
    return false;
  }

  async #table(pid: number): Promise<Table> {
    const namespace = await Deno.readLink(`/proc/${pid}/ns/net`);
    let table = this.#tables.get(namespace);
    if (table === undefined) {
      table = this.#read(pid);
      this.#tables.set(namespace, table);
    }
    return await table;
  }

  async #read(pid: number): Promise<Table> {
    const table = new Map<string, Set<string>>();
    await forEachLine(`/proc/${pid}/net/unix`, (line) => {
      const [, , inode = "", path = ""] = LISTENING.exec(line) ?? [];
      if (!this.#paths.has(path)) return;
      const sockets = table.get(path) ?? new Set();
      table.set(path, sockets.add(`socket:[${inode}]`));
    }, TABLE_TIMEOUT_MS);
    return table;
  }
}
