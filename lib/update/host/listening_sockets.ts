/**
 * The unix sockets at which a process itself listens. A command line can name
 * any socket, so this is checked before a connection is made.
 *
 * `/proc/PID/fd` has the inodes of the sockets, and `/proc/PID/net/unix` the
 * path of each, as passed to bind(2).
 *
 * @module
 */

import { forEachUnixSocket } from "../../proc/net_unix.ts";
import { readDescriptors } from "../../proc/descriptors.ts";

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
    await forEachUnixSocket(pid, ({ listens, inode, path }) => {
      if (!listens || !this.#paths.has(path)) return;
      const sockets = table.get(path) ?? new Set();
      table.set(path, sockets.add(`socket:[${inode}]`));
    }, TABLE_TIMEOUT_MS);
    return table;
  }
}
