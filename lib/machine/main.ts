/**
 * `cprctl machine`: the embedded machine as a process.
 *
 * ```
 * CPR state ─▶ RAM, board ─▶ monitors ─▶ -incoming? ─▶ load ─▶ run
 *  (first of all: RAM is made from it)        └ no ─▶ guest program ─▶ run
 * ```
 *
 * @module
 */

import { ifPossible, OsError } from "../../ffi/libc.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { CprError, type CprRegistry, takeCprState } from "../cpr/mod.ts";
import { QmpServer } from "../qmp/mod.ts";
import { VERSION } from "../version.ts";
import { programVersion } from "./commands/status.ts";
import { CprChannel } from "../migration/mod.ts";
import { commandTable } from "./commands/table.ts";
import { CprIncoming } from "./cpr_incoming.ts";
import { readIncoming } from "./incoming_option.ts";
import { Machine } from "./machine.ts";
import { MainLoop } from "./main_loop.ts";
import { runLine } from "./monitor/commands.ts";
import {
  InputTerminal,
  standardInputLines,
  StandardOutput,
} from "./monitor/stdio.ts";
import type { MonitorTarget } from "./monitor/target.ts";
import {
  MACHINE_HELP,
  type MachineOptions,
  parseMachineOptions,
} from "./options.ts";
import { PidFile } from "./pid_file.ts";
import { openSerial } from "./serial.ts";

/** Bounds the wait for clients that do not read, as the guest is stopped. */
const FLUSH_TIMEOUT_MS = 100;

const HELP_WORDS = ["-help", "--help", "-h"];
const VERSION_WORDS = ["-version", "--version"];

/**
 * Runs the machine until it ends.
 *
 * @returns the exit code
 * @throws {CprctlError} when it cannot start
 */
export async function runMachine(words: readonly string[]): Promise<number> {
  if (words.some((word) => HELP_WORDS.includes(word))) {
    console.log(MACHINE_HELP.trimEnd());
    return 0;
  }
  if (words.some((word) => VERSION_WORDS.includes(word))) {
    console.log(`cprctl machine, version ${VERSION}`);
    return 0;
  }
  const executed = takeCprState();
  const options = parseMachineOptions(words);
  const { cpr } = readIncoming(options.incoming);
  if (executed !== undefined) {
    refuseReset(options);
    if (cpr !== undefined) {
      warn("ignoring cpr channel for migration mode cpr-exec");
    }
    return await new MachineProcess(options, executed).run();
  }
  using transfer = cpr === undefined
    ? undefined
    : await CprIncoming.receive(CprChannel.pathOf(cpr));
  return await new MachineProcess(options, transfer?.registry, transfer).run();
}

/** QEMU would boot the guest again in the RAM that was handed over. */
function refuseReset(options: MachineOptions): void {
  if (options.incoming.length > 0) return;
  throw new CprError(
    "cpr-no-incoming",
    "A machine was handed over, but -incoming is missing: " +
      "the guest would be reset",
    { remedy: "Add -incoming to cpr-exec-command" },
  );
}

/** The machine with its monitors. */
class MachineProcess {
  readonly #loop = new MainLoop();
  readonly #machine: Machine;
  readonly #server: QmpServer;
  readonly #ended = Promise.withResolvers<number>();
  #terminal: InputTerminal | undefined;

  constructor(
    private readonly options: MachineOptions,
    preserved: CprRegistry | undefined,
    transfer?: CprIncoming,
  ) {
    this.#machine = new Machine(options, {
      loop: this.#loop,
      serial: openSerial(options.serial, warn),
      onEvent: (name, data) => this.#server.emit(name, data),
      warn,
      die: (error) => this.#ended.reject(error),
      flush: () => {
        // The program that is executed next is not to inherit its mode.
        this.#terminal?.restore();
        return this.#server.flush(FLUSH_TIMEOUT_MS);
      },
      preserved,
      onListening: () => transfer?.hangUp(),
    });
    this.#server = new QmpServer({
      version: programVersion(),
      commands: commandTable({
        machine: this.#machine,
        quit: () => this.#quit(),
        humanLine: (line) => runLine({ execute: this.#execute }, line),
      }),
    });
  }

  async run(): Promise<number> {
    const { pidfile, qmp, monitor } = this.options;
    const quit = () => this.#quit();
    Deno.addSignalListener("SIGINT", quit);
    Deno.addSignalListener("SIGTERM", quit);
    try {
      using _pidfile = pidfile === undefined ? undefined : new PidFile(pidfile);
      const waits = qmp.map(({ address, wait }) => {
        const { connected } = this.#server.listen(address);
        return wait ? connected : undefined;
      });
      await Promise.race([Promise.all(waits), this.#ended.promise]);
      this.#begin();
      if (monitor) this.#talk().catch((error) => this.#endMonitor(error));
      return await this.#ended.promise;
    } finally {
      await this.#close();
    }
  }

  /** Loads the state of -incoming, or starts the guest. */
  #begin(): void {
    const { main } = readIncoming(this.options.incoming);
    if (main === undefined) this.#machine.launch();
    else if (main !== "defer") this.#machine.startIncoming(main, true);
  }

  async #close(): Promise<void> {
    this.#terminal?.restore();
    this.#machine.stop("shutdown");
    await this.#server.flush(FLUSH_TIMEOUT_MS);
    await this.#server.close();
    this.#loop[Symbol.dispose]();
  }

  /** Ends the process after the current tasks, without an exec. */
  #quit(): void {
    this.#loop.defer(() => this.#ended.resolve(0));
    this.#machine.abandonMigrations();
  }

  readonly #execute: MonitorTarget["execute"] = (command, args) =>
    this.#server.execute(command, args);

  /** The human monitor on standard input and output. */
  async #talk(): Promise<void> {
    const out = new StandardOutput();
    this.#terminal = InputTerminal.open();
    const target: MonitorTarget = {
      execute: this.#execute,
      settled: () => this.#machine.outgoing.settled(),
    };
    await out.print(
      `cprctl ${VERSION} monitor - type 'help' for more information\n${PROMPT}`,
    );
    await this.#machine.settled();
    const lines = this.#terminal?.lines(PROMPT, out) ?? standardInputLines();
    for await (const line of lines) {
      const answer = line === undefined
        ? "Error: Line is too long\n"
        : await runLine(target, line);
      await out.print(answer + PROMPT);
      // The next line may be for the program that takes over.
      await this.#machine.settled();
    }
  }

  /** Ends the human monitor whose input has ended; the machine runs on. */
  #endMonitor(error: unknown): void {
    if (error instanceof OsError) {
      warn(`the monitor has ended: ${error.description}`);
    } else this.#ended.reject(error);
  }
}

const PROMPT = "(cprctl) ";
const STANDARD_ERROR = 2;

/** Warns the operator on standard error. */
function warn(message: string): void {
  const line = `cprctl machine: warning: ${message}\n`;
  // Standard error may be closed; the guest runs on.
  ifPossible(() => {
    using out = NonblockingWriter.over(STANDARD_ERROR);
    out.write(new TextEncoder().encode(line));
  });
}
