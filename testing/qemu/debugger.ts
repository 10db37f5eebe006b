/** A debugger that is attached to a guest, as gdb would be. */

const NAME = "gdb.sock";

/** What gives a VM a place to attach to. */
export const DEBUGGED: readonly string[] = [
  "-gdb",
  `unix:${NAME},server=on,wait=off`,
];

/** Speaks the remote serial protocol; answers are not looked at. */
export class Debugger implements Disposable {
  readonly #connection: Deno.UnixConn;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  /** Attaches, which stops the guest. */
  static async attach(folder: string): Promise<Debugger> {
    const path = `${folder}/${NAME}`;
    const debug = new Debugger(await Deno.connect({ transport: "unix", path }));
    await debug.#send("?");
    return debug;
  }

  /** Lets the guest execute one instruction; it is in state "debug" then. */
  async step(): Promise<void> {
    await this.#send("s");
  }

  /** Lets the guest run. */
  async goOn(): Promise<void> {
    await this.#send("c");
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #send(packet: string): Promise<void> {
    const bytes = new TextEncoder().encode(packet);
    const sum = bytes.reduce((total, byte) => total + byte, 0) & 0xff;
    const check = sum.toString(16).padStart(2, "0");
    const writer = this.#connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(`+$${packet}#${check}`));
    writer.releaseLock();
  }
}
