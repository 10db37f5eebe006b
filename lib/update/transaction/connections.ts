import type { Fd } from "../../../ffi/fd.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import {
  endWaiting,
  listensAt,
  shutDown,
} from "../../../ffi/foreign_socket.ts";
import type { QmpAddress } from "../../qmp/mod.ts";

/**
 * The host's sockets of the guest's connections through user networking. They
 * survive the exec, but the destination does not use them.
 */
export class HeldConnections implements Disposable {
  private constructor(private readonly sockets: readonly Fd[]) {}

  /** Duplicates those that can be duplicated; the others do not matter. */
  static take(
    process: ProcessHandle,
    descriptors: readonly number[],
  ): HeldConnections {
    const sockets: Fd[] = [];
    for (const descriptor of descriptors) {
      const socket = tryGet(process, descriptor);
      if (socket !== undefined) sockets.push(socket);
    }
    return new HeldConnections(sockets);
  }

  /** Shuts the connections down, so that their peers do not wait for ever. */
  end(): void {
    for (const socket of this.sockets) shutDown(socket);
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.close();
  }
}

function tryGet(process: ProcessHandle, descriptor: number): Fd | undefined {
  using stack = new DisposableStack();
  const file = stack.use(ifPossible(() => process.getFd(descriptor)));
  if (file?.stat().isSocket !== true) return undefined;
  stack.move();
  return file;
}

/** Above the default net.core.somaxconn, 4096. */
const MAXIMUM = 8192;

/**
 * The clients that wait in the backlog of the VM's monitor, if its listening
 * socket was passed to the program and so outlives it. A monitor serves one
 * client at a time: the destination would serve them before cprctl, which would
 * add to the downtime.
 */
export class MonitorQueue {
  private constructor(private readonly listeners: readonly Fd[]) {}

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
    for (const listener of this.listeners) endWaiting(listener, MAXIMUM);
  }
}

function nameOf(path: string): string | undefined {
  return path.split("/").at(-1);
}
