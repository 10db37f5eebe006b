import { OsError } from "../../ffi/libc.ts";
import { UnixSocket } from "../../ffi/socket.ts";
import type { MigrationAddress } from "../channel/mod.ts";
import { type CprRegistry, sendCprState } from "../cpr/mod.ts";
import { ifError } from "../errors.ts";
import { MigrationError } from "./error.ts";

/** Time limit for sending CPR state. */
const TIMEOUT_MS = 10_000;

/** The cpr channel of a source, which has sent its CPR state there. */
export class CprChannel implements Disposable {
  private constructor(private readonly socket: UnixSocket) {}

  /** The path of a cpr channel; throws if it has none, or is missing. */
  static pathOf(address: MigrationAddress | undefined): string {
    if (address === undefined) {
      throw new MigrationError("refused", "Missing 'cpr' migration channel");
    }
    if (address.transport === "socket" && address.type === "unix") {
      return address.path;
    }
    throw new MigrationError(
      "refused",
      "Bad cpr channel address; must be unix",
    );
  }

  /**
   * Sends CPR state to a destination that waits for it.
   *
   * @throws {MigrationError} when it cannot be sent
   */
  static async handOver(
    path: string,
    registry: CprRegistry,
  ): Promise<CprChannel> {
    using made = new DisposableStack();
    try {
      const socket = made.use(await UnixSocket.connect(path, TIMEOUT_MS));
      await sendCprState(socket, registry, TIMEOUT_MS);
      made.move();
      return new CprChannel(socket);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new MigrationError(
        "cpr-transfer",
        `Failed to connect to '${path}': ${error.description}`,
        { cause: error },
      );
    }
  }

  /**
   * Resolves when the destination hangs up: it listens for the stream, or has
   * ended. Without a limit, as it may wait for `migrate-incoming`.
   */
  async hungUp(): Promise<void> {
    // A reset is the end as well.
    const next = () =>
      this.socket.receive(1, Infinity)
        .catch(ifError(OsError, () => new Uint8Array()));
    while ((await next()).length > 0);
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }
}
