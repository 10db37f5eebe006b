import type { Fd } from "../../../ffi/fd.ts";
import { endWaiting, listensAt } from "../../../ffi/listening_socket.ts";
import type { QmpAddress } from "../../qmp/mod.ts";

/** Above the default net.core.somaxconn, 4096. */
const MAXIMUM = 8192;

/**
 * The clients that wait in the backlog of the VM's monitor, if its listening
 * socket was passed to the program and so outlives it. A monitor serves one
 * client at a time: the destination would serve them before cprctl, which would
 * add to the downtime.
 */
export class MonitorQueue {
  readonly #listeners: readonly Fd[];

  private constructor(listeners: readonly Fd[]) {
    this.#listeners = listeners;
  }

  /**
   * @param descriptors duplicates of the VM's descriptors
   * @param address of the monitor, as cprctl reaches it
   */
  static among(descriptors: Iterable<Fd>, address: QmpAddress): MonitorQueue {
    // The path it was bound with may name the folder differently.
    const wanted = "path" in address ? nameOf(address.path) : undefined;
    return new MonitorQueue(
      [...descriptors].filter((fd) => {
        const path = listensAt(fd);
        return path !== undefined && nameOf(path) === wanted;
      }),
    );
  }

  /**
   * Closes their connections, between source and destination. The clients can
   * reconnect at once, as those of the source have to.
   */
  end(): void {
    for (const listener of this.#listeners) endWaiting(listener, MAXIMUM);
  }
}

function nameOf(path: string): string | undefined {
  return path.split("/").at(-1);
}
