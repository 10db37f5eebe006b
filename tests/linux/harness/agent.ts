/** Commands for the guest's shell, by its second serial line. */

const TIMEOUT_MS = 90_000;
const AGAIN_MS = 50;
/** A guest that does not listen yet, or is reset meanwhile, loses a command. */
const REPEAT_MS = 2_000;

/** How a command ended in the guest. */
export interface GuestAnswer {
  readonly status: number;
  readonly output: string;
}

/**
 * Speaks to the guest as init.sh describes. An update closes the connection:
 * then the command is sent again under its number, and executed once.
 */
export class Agent {
  #last = 0;
  readonly #run = crypto.randomUUID().slice(0, 8);

  /** @param path of the socket that the serial line is */
  constructor(readonly path: string) {}

  /**
   * What a command prints.
   *
   * @throws {Error} when it fails, or the guest does not answer in time
   */
  async run(command: string, timeoutMs = TIMEOUT_MS): Promise<string> {
    const { status, output } = await this.answer(command, timeoutMs);
    if (status === 0) return output;
    throw new Error(
      `"${command}" ended with ${status} in the guest: ${output}`,
    );
  }

  /** How a command ends. */
  async answer(command: string, timeoutMs = TIMEOUT_MS): Promise<GuestAnswer> {
    const id = this.#nextId();
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(`The guest did not answer "${command}" in time`);
      }
      const answer = await this.#ask(`${id}\t${command}\n`, id, left);
      if (answer !== undefined) return answer;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /**
   * Begins a command that the guest may not live to answer. What it has not
   * read is lost with the connection: keep that open until the command shows.
   */
  async begin(command: string): Promise<Disposable> {
    const connection = await Deno.connect({
      transport: "unix",
      path: this.path,
    });
    await write(connection, `${this.#nextId()}\t${command}\n`);
    return { [Symbol.dispose]: () => closeQuietly(connection) };
  }

  #nextId(): string {
    this.#last++;
    return `${this.#run}-${this.#last}`;
  }

  /** Undefined when the connection ends before the answer. */
  async #ask(
    line: string,
    id: string,
    timeoutMs: number,
  ): Promise<GuestAnswer | undefined> {
    try {
      const connection = await Deno.connect({
        transport: "unix",
        path: this.path,
      });
      using _end = { [Symbol.dispose]: () => closeQuietly(connection) };
      const patience = Math.min(timeoutMs, REPEAT_MS);
      const timer = setTimeout(() => closeQuietly(connection), patience);
      using _timer = { [Symbol.dispose]: () => clearTimeout(timer) };
      await write(connection, line);
      return await answerTo(id, connection);
    } catch (error) {
      if (isCut(error)) return undefined;
      throw error;
    }
  }
}

async function write(connection: Deno.Conn, line: string): Promise<void> {
  const bytes = new TextEncoder().encode(line);
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

async function answerTo(
  id: string,
  connection: Deno.Conn,
): Promise<GuestAnswer | undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return undefined;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end).replace("\r", "");
      text = text.slice(end + 1);
      const answer = parseAnswer(line, id);
      if (answer !== undefined) return answer;
    }
  }
}

/** Undefined for another answer, or for a command that the line echoes. */
function parseAnswer(line: string, id: string): GuestAnswer | undefined {
  const [number, status = "", output] = line.split("\t");
  if (number !== id || !/^\d+$/.test(status) || output === undefined) return;
  const bytes = Uint8Array.fromBase64(output);
  return { status: Number(status), output: new TextDecoder().decode(bytes) };
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** What a program that is being replaced does to a connection. */
function isCut(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.BadResource;
}
