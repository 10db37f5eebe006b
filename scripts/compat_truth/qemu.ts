/** A QEMU that does nothing but save or load its devices. @module */

import { messageOf } from "../../lib/errors.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";

/** A host with two busy cores takes 2 s. */
const TIMEOUT_MS = 60_000;
/** Bytes of what QEMU says; it may repeat itself without end. */
const LONGEST_WORDS = 4096;

/** The end of a QEMU before it had done what was asked. */
export class QemuEnded extends Error {}

/** What a VM has around it. */
export interface Surroundings {
  /** Path for its monitor. */
  readonly socket: string;
  /** Variables besides this process's own. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A VM whose guest never runs. */
export class IdleQemu implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #words: Promise<string>;
  readonly #qmp: QmpClient;

  private constructor(
    child: Deno.ChildProcess,
    words: Promise<string>,
    qmp: QmpClient,
  ) {
    this.#child = child;
    this.#words = words;
    this.#qmp = qmp;
  }

  /**
   * Starts it; returns when its devices are there.
   *
   * @throws {QemuEnded} if it does not start, with QEMU's words
   */
  static async start(
    { binary }: QemuBuild,
    args: readonly string[],
    { socket, environment }: Surroundings,
  ): Promise<IdleQemu> {
    const child = new Deno.Command(binary, {
      args: [...args, "-S", "-qmp", `unix:${socket},server=on,wait=off`],
      env: { ...environment },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const words = lastWords(child.stderr);
    const ended = new AbortController();
    child.status.then(() => ended.abort(new QemuEnded("QEMU ended")));
    try {
      const qmp = await QmpClient.connectAgain({ path: socket }, {
        timeoutMs: TIMEOUT_MS,
        signal: ended.signal,
      });
      return new IdleQemu(child, words, qmp);
    } catch (error) {
      await end(child);
      throw new QemuEnded(await words || messageOf(error), { cause: error });
    }
  }

  /** @throws {QemuEnded} if it cannot be saved, with QEMU's words */
  async save(path: string): Promise<void> {
    await this.#migrate("migrate", `exec:cat > '${path}'`);
  }

  /**
   * For a VM that was started with `-incoming defer`.
   *
   * @throws {QemuEnded} if it is not loaded, with QEMU's words
   */
  async load(path: string): Promise<void> {
    await this.#migrate("migrate-incoming", `exec:cat '${path}'`);
  }

  async #migrate(command: string, uri: string): Promise<void> {
    const patience = { timeoutMs: TIMEOUT_MS };
    try {
      await this.#qmp.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "events", state: true }],
      }, patience);
      using events = this.#qmp.watch(["MIGRATION"]);
      await this.#qmp.execute(command, { uri }, patience);
      await events.next(({ data }) => {
        if (data["status"] === "failed") throw new Error("it failed");
        return data["status"] === "completed";
      }, patience);
    } catch (error) {
      // One that does not load says why, and ends by itself.
      if (command === "migrate-incoming") await this.#hasEnded();
      await end(this.#child);
      const words = await this.#words;
      throw new QemuEnded(words || messageOf(error), { cause: error });
    }
  }

  async #hasEnded(): Promise<void> {
    const patience = AbortSignal.timeout(TIMEOUT_MS);
    const late = new Promise((resolve) =>
      patience.addEventListener("abort", resolve)
    );
    await Promise.race([this.#child.status, late]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#qmp.close();
    await end(this.#child);
    await this.#words;
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
  await child.status;
}

/** What QEMU said on its error output: without its name, the last first. */
async function lastWords(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + piece).slice(-LONGEST_WORDS);
  }
  return text.trim().split("\n")
    .map((line) => line.replace(/^.*?qemu-system-\w+: /, ""))
    .filter((line) => !/^warning: |terminating on signal/.test(line))
    .join("; ");
}
