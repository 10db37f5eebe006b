/**
 * Pipes.
 *
 * @module
 */

import { O_CLOEXEC } from "./open_flags.ts";
import { Fd } from "./fd.ts";
import { call } from "./libc.ts";

/** Both ends of a pipe, close-on-exec. */
export class Pipe implements Disposable {
  private constructor(readonly reader: Fd, readonly writer: Fd) {}

  /** @throws {OsError} EMFILE. */
  static make(): Pipe {
    const ends = new Int32Array(new ArrayBuffer(8));
    call("pipe2", [ends, O_CLOEXEC]);
    const [reader = -1, writer = -1] = ends;
    return new Pipe(Fd.adopt(reader), Fd.adopt(writer));
  }

  /** Closes both ends, unless they are closed already. */
  [Symbol.dispose](): void {
    if (!this.reader.closed) this.reader.close();
    if (!this.writer.closed) this.writer.close();
  }
}
