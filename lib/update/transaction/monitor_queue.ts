import type { Fd } from "../../../ffi/fd.ts";
import { endWaiting, listensAt } from "../../../ffi/listening_socket.ts";
import type { QmpAddress } from "../../qmp/mod.ts";

/** More than a system lets wait unless it is told to. */
const MOST = 8192;

/**
 * The clients that wait at the VM's monitor, where its socket was passed to the
 * program and outlives it. A program serves one client at a time, in the order
 * in which they came: those would be served before cprctl, and the guest would
 * wait for them.
 */
export class MonitorQueue {
  readonly #listeners: readonly Fd[];

  private constructor(listeners: readonly Fd[]) {
    this.#listeners = listeners;
  }

  /**
   * @param descriptors what the VM has open, held here
   * @param address of the monitor, as cprctl reaches it
   */
  static among(descriptors: Iterable<Fd>, address: QmpAddress): MonitorQueue {
    // Who bound the socket may have called its folder otherwise.
    const wanted = "path" in address ? nameOf(address.path) : undefined;
    return new MonitorQueue(
      [...descriptors].filter((fd) => {
        const path = listensAt(fd);
        return path !== undefined && nameOf(path) === wanted;
      }),
    );
  }

  /**
   * Ends their connections, between two programs: they can be made again at
   * once, like those that the program before had.
   */
  end(): void {
    for (const listener of this.#listeners) endWaiting(listener, MOST);
  }
}

function nameOf(path: string): string | undefined {
  return path.split("/").at(-1);
}
