import { QmpClient } from "../../lib/qmp/mod.ts";
import { cprctlWords } from "../program/program.ts";
import { MARK } from "../program/reaper.ts";
import { inTime } from "../program/until.ts";
import { DEADLINE_MS } from "./deadline.ts";
import { Output } from "./output.ts";

/** Options of a machine that can be updated in place. */
export const RAM = [
  ...["-machine", "virt,aux-ram-share=on"],
  ...["-object", "memory-backend-memfd,id=ram0,size=1M,share=on"],
];

/** How a machine is started. */
export interface StartOptions {
  /** Options that make its RAM. */
  readonly ram?: readonly string[];
  /** More options. */
  readonly more?: readonly string[];
  /** Words that come before the program, such as a shell's. */
  readonly wrapper?: readonly string[];
}

/** An embedded machine in a process of its own. */
export class Vm {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Path of its QMP socket. */
  readonly qmpPath: string;
  /** Where its state goes in an update. */
  readonly stateFile: string;
  /** The words that start it again. */
  readonly argv: readonly string[];

  /** Made by a lab, which ends it. */
  constructor(folder: string, index: number, options: StartOptions) {
    const { ram = RAM, more = [], wrapper = [] } = options;
    this.qmpPath = `${folder}/${index}.qmp`;
    this.stateFile = `${folder}/${index}.state`;
    this.argv = [
      ...cprctlWords(),
      "machine",
      ...ram,
      ...["-qmp", `unix:${this.qmpPath},server=on,wait=off`],
      ...more,
    ];
    const [program = "", ...args] = [...wrapper, ...this.argv];
    this.#child = new Deno.Command(program, {
      args,
      env: { [MARK]: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#status = this.#child.status;
    this.stdout = new Output(this.#child.stdout);
    this.stderr = new Output(this.#child.stderr);
  }

  /** Of what was started: the machine, unless a wrapper forked. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The words that take the machine over from {@linkcode stateFile}. */
  get successor(): string[] {
    return [...this.argv, "-incoming", `file:${this.stateFile}`];
  }

  /** A client of its monitor, once that answers. */
  connect(): Promise<QmpClient> {
    return QmpClient.connectAgain({ path: this.qmpPath }, {
      timeoutMs: DEADLINE_MS,
    });
  }

  /**
   * Moves it onto its own program, asking nobody but its monitor.
   *
   * @param qmp a client of the program that runs
   * @param command what to execute
   * @returns a client of the new program
   */
  async update(
    qmp: QmpClient,
    command: readonly string[] = this.successor,
  ): Promise<QmpClient> {
    await qmp.execute("migrate-set-parameters", {
      mode: "cpr-exec",
      "cpr-exec-command": [...command],
    });
    await qmp.execute("migrate", { uri: `file:${this.stateFile}` });
    await inTime("the program was replaced", DEADLINE_MS, qmp.closed);
    return await this.connect();
  }

  /** Writes to its standard input. */
  async type(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input. */
  async closeInput(): Promise<void> {
    try {
      await this.#input.close();
    } catch {
      // It was closed before, or the process is gone and its pipe broken.
    }
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end and for the last of what it wrote. */
  async ended(): Promise<Deno.CommandStatus> {
    const all = Promise.all([
      this.#status,
      this.stdout.done,
      this.stderr.done,
    ]);
    const [status] = await inTime("a machine ended", DEADLINE_MS, all);
    return status;
  }
}
