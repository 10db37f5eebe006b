import { UnixListener, type UnixSocket } from "../../ffi/socket.ts";
import { CprRegistry, receiveCprState } from "../cpr/mod.ts";
import { removeDeadSocket } from "../gone.ts";

/** Time limit for a source that has connected and sends nothing. */
const TIMEOUT_MS = 10_000;

/** CPR state that came through a cpr channel, which is still open. */
export class CprIncoming implements Disposable {
  private constructor(
    readonly registry: CprRegistry,
    private readonly socket: UnixSocket,
  ) {}

  /**
   * Waits for a source at a path. As in QEMU, nothing else is done until then:
   * the machine is made of what comes.
   *
   * @throws {OsError} when nothing can listen there, or the source hangs
   * @throws {StreamError} when what it sends is not CPR state
   */
  static async receive(path: string): Promise<CprIncoming> {
    removeDeadSocket(path);
    using made = new DisposableStack();
    const listener = made.use(UnixListener.listen(path));
    made.defer(() => removeDeadSocket(path));
    using failed = new DisposableStack();
    const socket = failed.use(await listener.accept(Infinity));
    const state = await receiveCprState(socket, TIMEOUT_MS);
    failed.move();
    return new CprIncoming(CprRegistry.of(state), socket);
  }

  /** Tells the source that the machine listens for its stream. */
  hangUp(): void {
    this.socket[Symbol.dispose]();
  }

  /** Closes the channel. */
  [Symbol.dispose](): void {
    this.hangUp();
  }
}
