/** Another process on the host, which does something at the wrong time. */
export class Stranger implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #left = false;

  constructor([program = "", ...args]: readonly string[]) {
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Types a line, and waits for some answer. */
  async ask(line: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    writer.releaseLock();
    const reader = this.#child.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error("The stranger ended without an answer");
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    this.#child.kill("SIGKILL");
    await this.#child.stdin.close().catch((error) => {
      // It was killed a moment ago.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    });
    await this.#child.stdout.cancel();
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}
