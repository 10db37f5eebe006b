/** A TCP connection to the guest that lasts as long as the test. */

import { linesOf } from "../../../testing/program/lines.ts";
import { inTime } from "../../../testing/program/until.ts";

const TIMEOUT_MS = 60_000;

/** The guest sends back what it is sent. */
export class EchoConnection implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #sent = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reader = linesOf(child.stdout).getReader();
  }

  /**
   * Connects from the network namespace of a process.
   *
   * @param busybox the program with nc
   */
  static open(pid: number, busybox: string, address: string): EchoConnection {
    return new EchoConnection(
      new Deno.Command("nsenter", {
        args: ["--target", `${pid}`, "--net", busybox, "nc", address, "7"],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn(),
    );
  }

  /** Sends a line and waits until it comes back. */
  async roundTrip(): Promise<void> {
    this.#sent++;
    const line = `line ${this.#sent}`;
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    await inTime(`"${line}" comes back`, TIMEOUT_MS, this.#comesBack(line));
  }

  async #comesBack(line: string): Promise<void> {
    const { done, value: received } = await this.#reader.read();
    if (done) throw new Error(`The connection ended before "${line}"`);
    if (received !== line) {
      throw new Error(`The guest sent "${received}" in place of "${line}"`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reader.cancel();
    await this.#writer.abort().catch(() => undefined); // it is gone
  }
}
