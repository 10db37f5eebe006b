import { inTime } from "./until.ts";

const DEADLINE_MS = 30_000;
/** Blocks in open until there is a writer. */
const WAIT = 'read -r _ <"$0"; exec "$@"';

/**
 * A program that waits before it executes what follows: between an exec and the
 * program that loads, there is time to look.
 */
export class Gate {
  readonly #fifo: string;

  private constructor(fifo: string) {
    this.#fifo = fifo;
  }

  /** @param folder where its FIFO is made */
  static async make(folder: string): Promise<Gate> {
    const fifo = `${folder}/gate`;
    const { success } = await new Deno.Command("mkfifo", {
      args: [fifo],
      signal: AbortSignal.timeout(DEADLINE_MS),
    }).output();
    if (!success) throw new Error(`Cannot make "${fifo}"`);
    return new Gate(fifo);
  }

  /** The words that wait, to be followed by those of the program. */
  get words(): string[] {
    return ["/bin/sh", "-c", WAIT, this.#fifo];
  }

  /** Lets the one that waits go on; waits for it to come, if need be. */
  async open(): Promise<void> {
    const opened = Deno.writeTextFile(this.#fifo, "\n", { create: false });
    await inTime("a program comes to the gate", DEADLINE_MS, opened);
  }
}
