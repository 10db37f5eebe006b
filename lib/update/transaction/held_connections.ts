import type { Fd } from "../../../ffi/fd.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { shutDown } from "../../../ffi/shut_down.ts";

/**
 * The host's sockets of the guest's connections through user networking. They
 * survive the exec, but the destination does not use them.
 */
export class HeldConnections implements Disposable {
  readonly #sockets: readonly Fd[];

  private constructor(sockets: readonly Fd[]) {
    this.#sockets = sockets;
  }

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
    for (const socket of this.#sockets) shutDown(socket);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}

function tryGet(process: ProcessHandle, descriptor: number): Fd | undefined {
  using stack = new DisposableStack();
  const file = stack.use(ifPossible(() => process.getFd(descriptor)));
  if (file?.stat().isSocket !== true) return undefined;
  stack.move();
  return file;
}
