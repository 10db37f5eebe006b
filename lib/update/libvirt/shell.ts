/**
 * virsh as a shell: one process for the hundred commands that the checks send
 * to a monitor through libvirt.
 *
 * @module
 */

import {
  isObject,
  type JsonObject,
  parseJson,
  stringifyJson,
} from "../../qmp/json.ts";
import { UpdateProblem } from "../error.ts";
import { URI } from "./virsh.ts";

/** libvirt passes on strings of 4 MiB. */
const LONGEST_LINE = 8 * 1024 * 1024;
/** The id of a reply that libvirt passes on; an echoed command has none. */
const ID = /^libvirt-\d+$/;

/** A virsh that passes commands on to the monitor of one domain. */
export class VirshShell {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting: PromiseWithResolvers<JsonObject>[] = [];
  readonly #read: Promise<unknown>;
  #error: UpdateProblem | undefined;

  private constructor(private readonly domain: string) {
    this.#child = new Deno.Command("virsh", {
      args: ["--quiet", "--connect", URI],
      env: { LC_ALL: "C", TERM: "dumb" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#read = Promise.all([
      this.#lines(this.#child.stdout, (line) => this.#reply(line)),
      this.#lines(this.#child.stderr, (line) => this.#fail(line)),
    ]);
  }

  /** Starts one. */
  static start(domain: string): VirshShell {
    return new VirshShell(domain);
  }

  /**
   * Executes a command on the monitor, after those before it.
   *
   * @returns the reply, with "return" or "error"
   * @throws {UpdateProblem} when libvirt did not pass it on
   */
  async execute(
    command: string,
    args: JsonObject | undefined,
  ): Promise<JsonObject> {
    if (this.#error !== undefined) throw this.#error;
    const text = stringifyJson(
      args === undefined
        ? { execute: command }
        : { execute: command, arguments: args },
    );
    const line = `qemu-monitor-command --domain ${quoted(this.domain)} ${
      quoted(asAscii(text))
    }\n`;
    const reply = Promise.withResolvers<JsonObject>();
    this.#waiting.push(reply);
    const written = this.#input.write(new TextEncoder().encode(line));
    written.catch(() => this.#fail("virsh has ended"));
    return await reply.promise;
  }

  /** Ends it. A shell that ends by itself writes a history of its commands. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail("virsh was ended");
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
    await this.#input.abort().catch(() => undefined); // broken by its end
    await this.#read;
    await this.#child.status;
  }

  async #lines(
    stream: ReadableStream<Uint8Array>,
    take: (line: string) => void,
  ): Promise<void> {
    let begun = "";
    const text = stream.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (begun + chunk).split("\n");
      begun = lines.pop() ?? "";
      if (begun.length > LONGEST_LINE) begun = "";
      lines.filter((line) => line.trim() !== "").forEach(take);
    }
    this.#fail("virsh has ended");
  }

  /** Other lines are echoes of commands. */
  #reply(line: string): void {
    if (!line.startsWith("{")) return;
    try {
      const message = parseJson(line);
      if (!isObject(message) || !ID.test(String(message["id"]))) return;
      this.#waiting.shift()?.resolve(message);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }

  #fail(why: string): void {
    this.#error ??= new UpdateProblem(
      "libvirt-monitor",
      `libvirt does not pass commands on to the domain's monitor: ${
        why.replace(/^error: /, "")
      }`,
      { remedy: "Check that virsh domcontrol prints ok for the domain" },
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#error);
  }
}

/** Quotes a word for the shell of virsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

/**
 * JSON without characters that virsh's shell or line editor would interpret.
 */
function asAscii(json: string): string {
  return json.replaceAll(
    /[^\x20-\x7e]|'/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
