/**
 * A hostile VM: a process of an unprivileged user that listens at a monitor as
 * a QEMU does. What is said there is a real QEMU's, with lies where a test wants
 * them, so that the process itself is free to become anything at any moment.
 *
 * ```
 * cprctl ── monitor of the hostile process ── relay (the test) ── real QEMU
 *                  │ argv, exec
 *                  ◀────────────────────────── actions (the test)
 * ```
 *
 * The relay takes the listening socket out of the process: whose monitor it is
 * was decided when the process listened.
 *
 * @module
 */

import { PidFd } from "../../ffi/process.ts";
import { UnixListener } from "../../ffi/socket.ts";
import { ifThere } from "../../lib/gone.ts";
import { sleep } from "../../lib/sleep.ts";
import { linesOf } from "../../testing/program/lines.ts";
import { until } from "../../testing/program/until.ts";
import { Relay, type Script } from "./relay.ts";

/** The attacker. */
export const USER = 65534;
const AS_USER = [
  ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
];
export const PERL = "/usr/bin/perl";
const PROGRAM = new URL("programs/hostile.pl", import.meta.url);
const SEPARATOR = "\x1f";
const TIMEOUT_MS = 60_000;

/** How a hostile VM is made. */
export interface HostileOptions {
  /** The socket of a real QEMU's monitor. */
  readonly real: string;
  /** What the process pretends to have been started with. */
  readonly argv?: readonly string[];
  /** Words before it, such as those that confine it; they run as root. */
  readonly wrapper?: readonly string[];
  readonly script?: Script;
  /** The Perl that the process executes. */
  readonly perl?: string;
  /** Whether root opens the monitor, and the process gives root up then. */
  readonly openedByRoot?: boolean;
}

/** A program that the process becomes. */
export interface Disguise {
  readonly file: string;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** The hostile process, and who answers for it. */
export class HostileVm implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #process: PidFd;
  readonly #lines: AsyncIterator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #real: string;
  readonly #stack = new AsyncDisposableStack();
  readonly #script: Script;
  #relay: Relay | undefined;

  private constructor(
    /** The attacker's own; everyone may look into it. */
    readonly folder: string,
    child: Deno.ChildProcess,
    { real, script = {} }: HostileOptions,
  ) {
    this.#child = child;
    this.#process = PidFd.open(child.pid);
    this.#lines = linesOf(child.stdout).values();
    this.#writer = child.stdin.getWriter();
    this.#real = real;
    this.#script = script;
  }

  /** Starts one; its monitor takes clients when this returns. */
  static async start(options: HostileOptions): Promise<HostileVm> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-attack-" });
    await Deno.chmod(folder, 0o755);
    await Deno.chown(folder, USER, USER);
    const program = `${folder}/hostile.pl`;
    await Deno.writeTextFile(program, await Deno.readTextFile(PROGRAM));
    // Room for the words that are written over these.
    const room = (options.argv ?? []).join(SEPARATOR);
    const user = options.openedByRoot === true
      ? ["env", `BECOME_USER=${USER}`]
      : AS_USER;
    const [first = "", ...words] = [...options.wrapper ?? [], ...user];
    const child = new Deno.Command(first, {
      args: [
        ...words,
        options.perl ?? PERL,
        program,
        `${folder}/qmp.sock`,
        room,
      ],
      stdin: "piped",
      stdout: "piped",
      cwd: "/",
    }).spawn();
    const vm = new HostileVm(folder, child, options);
    try {
      await vm.#listen();
      if (options.argv !== undefined) await vm.pretend(options.argv);
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  get socket(): string {
    return `${this.folder}/qmp.sock`;
  }

  /** Plays another script from now on. */
  play(script: Script): void {
    this.#relay?.play(script);
  }

  /** Overwrites the command line of the process, unless that is stopped. */
  async pretend(argv: readonly string[]): Promise<void> {
    await this.#order("argv", ...argv);
    await this.#done("pretend");
  }

  /** Has the process become another program; returns when it is that. */
  async become({ file, argv, environment = {} }: Disguise): Promise<void> {
    const before = this.image();
    const variables = Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`);
    await this.#order("exec", ...variables, "--", file, ...argv);
    const deadline = performance.now() + TIMEOUT_MS;
    while (this.image() === before) {
      if (performance.now() > deadline) throw new Error(`It is not ${file}`);
      await sleep(1);
    }
  }

  /** Has the process begin to execute a program, and never come to an end. */
  async hangInExec(): Promise<void> {
    await this.#order("stuck", "/bin/sleep", "600");
    await this.#done("hang");
    const deadline = performance.now() + TIMEOUT_MS;
    while (!/\) D /.test(Deno.readTextFileSync(`/proc/${this.pid}/stat`))) {
      if (performance.now() > deadline) throw new Error("It does not hang");
      await sleep(1);
    }
  }

  /** What tells a program that was executed anew. */
  image(): string {
    const stat = Deno.readTextFileSync(`/proc/${this.pid}/stat`);
    return stat.slice(stat.lastIndexOf(")")).split(" ").slice(24).join(" ");
  }

  /** A program of the attacker's: a script in its own folder. */
  async program(name: string, script: string): Promise<string> {
    const path = `${this.folder}/${name}`;
    await Deno.writeTextFile(path, script, { mode: 0o755 });
    await Deno.chmod(path, 0o755);
    await Deno.chown(path, USER, USER);
    return path;
  }

  /** A copy of a program, with a mode of one's choice; root's. */
  async copyOf(program: string, name: string, mode: number): Promise<string> {
    const path = `${this.folder}/${name}`;
    await Deno.copyFile(program, path);
    await Deno.chown(path, 0, 0);
    await Deno.chmod(path, mode);
    return path;
  }

  /** What a program of the attacker's wrote to a file of its folder, if any. */
  async written(name: string): Promise<string | undefined> {
    return await ifThere(Deno.readTextFile(`${this.folder}/${name}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using process = this.#process;
    if (!process.hasExited()) process.sendSignal("SIGKILL");
    await this.#child.status;
    await this.#stack.disposeAsync();
    await this.#lines.return?.();
    await this.#writer.close().catch(() => undefined); // its reader is gone
    await Deno.remove(this.folder, { recursive: true });
  }

  #isStopped(): boolean {
    return / T /.test(Deno.readTextFileSync(`/proc/${this.pid}/stat`));
  }

  async #order(...fields: readonly string[]): Promise<void> {
    const line = `${fields.join(SEPARATOR)}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
  }

  /** Waits until it has done what it was told, unless it is stopped. */
  async #done(what: string): Promise<void> {
    const answer = this.#lines.next();
    let value: string | undefined;
    answer.then((it) => value = it.value ?? "nothing", () => undefined);
    await until(
      "it answers or is stopped",
      TIMEOUT_MS,
      () => value !== undefined || this.#isStopped(),
    );
    if (value !== undefined && value !== "done") {
      throw new Error(`It cannot ${what}: ${value}`);
    }
  }

  async #listen(): Promise<void> {
    const { value } = await this.#lines.next();
    const fd = this.#process.getFd(Number(value));
    const listener = UnixListener.adopt(this.socket, fd);
    this.#relay = this.#stack.use(
      new Relay(listener, this.#real, this.#script),
    );
  }
}
