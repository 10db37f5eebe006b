/** `cprctl update` as the suite runs it: here, or in a process of its own. */

import { CprctlError } from "../../lib/errors.ts";
import { exitCodeOf } from "../../lib/update/error.ts";
import type { Mode, PhaseName } from "../../lib/update/phase.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { validateReport } from "./report.ts";
import { update } from "../../lib/update/update.ts";
import { linesOf } from "../program/lines.ts";
import { cprctlWords, type Ended, runCprctl } from "../program/program.ts";

/** What is to be updated, to what. */
export interface Order {
  readonly qmp: string;
  /** The one that runs now, unless given. */
  readonly binary: string | undefined;
  readonly timeoutMs: number;
  readonly mode?: Mode | undefined;
}

/** The order to move a VM to a program. */
export function orderOf(
  { files: { qmp } }: { readonly files: { readonly qmp: string } },
  { binary }: { readonly binary: string },
  timeoutMs = 60_000,
): Order {
  return { qmp, binary, timeoutMs };
}

/** How it ended. */
export interface Ending {
  /** Null where the tool came to none. */
  readonly report: Report | null;
  /** Of the process; null where a signal ended it. */
  readonly exitCode: number | null;
  /** Every word that a person is told. */
  readonly said: string;
}

/** Told of each phase as it begins. */
export type AtPhase = (phase: PhaseName) => void | Promise<void>;

const ROOT = new URL("../../", import.meta.url);

/** The words that start cprctl. */
export const SELF: readonly string[] = cprctlWords();

/** Updates in this process. */
export async function updateHere(
  order: Order,
  atPhase: AtPhase = () => {},
): Promise<Ending> {
  // What a action throws must not pass for a reader who hung up.
  let failed: { readonly error: unknown } | undefined;
  const observer: AtPhase = async (phase) => {
    try {
      await atPhase(phase);
    } catch (error) {
      failed ??= { error };
    }
  };
  const ending = await endingOf(order, observer);
  if (failed !== undefined) throw failed.error;
  return ending;
}

async function endingOf(
  { qmp, binary, timeoutMs, mode }: Order,
  observer: AtPhase,
): Promise<Ending> {
  try {
    const report = validateReport(structuredClone(
      await update({
        address: { path: qmp },
        binary,
        timeoutMs,
        mode,
        self: SELF,
        observer,
      }),
    ));
    return {
      report,
      exitCode: exitCodeOf(report.outcome),
      said: [report.error?.message ?? "", ...report.warnings].join("\n"),
    };
  } catch (error) {
    // What the update throws has to be meant for a person.
    if (!(error instanceof CprctlError)) throw error;
    return { report: null, exitCode: error.exitCode, said: error.message };
  }
}

/** Runs a command of cprctl that prints a report. */
export async function reported(
  words: readonly string[],
  timeoutMs?: number,
): Promise<Ended & { readonly report: Report }> {
  const ended = await runCprctl([...words, "--json"], timeoutMs);
  if (ended.stdout === "") throw new Error(ended.stderr);
  return { ...ended, report: validateReport(JSON.parse(ended.stdout)) };
}

/** The report of a command that has to succeed. */
export async function successOf(words: readonly string[]): Promise<Report> {
  const { code, stdout, stderr, report } = await reported(words);
  if (code === 0) return report;
  throw new Error(
    `"${words.join(" ")}" ended with ${code}: ${stdout}${stderr}`,
  );
}

/** An update in a process of its own, which can be sent signals. */
export class Cprctl implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Starts the update; it waits for `run` at its first phase. */
  static start(order: Order): Cprctl {
    const driver = new URL("./programs/update.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", driver, JSON.stringify(order)],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    return new Cprctl(child);
  }

  /** Sends a signal; one that comes too late does nothing. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // Its end has been waited for.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Lets it go from phase to phase. */
  async run(atPhase: AtPhase): Promise<Ending> {
    const writer = this.#child.stdin.getWriter();
    let ending: Ending | undefined;
    for await (const line of linesOf(this.#child.stdout)) {
      const told = JSON.parse(line) as { phase: PhaseName } | Ending;
      if (!("phase" in told)) {
        ending = told;
        continue;
      }
      await atPhase(told.phase);
      try {
        await writer.write(new TextEncoder().encode("go on\n"));
      } catch (error) {
        // A signal ended it meanwhile.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    }
    const { code, signal } = await this.#child.status;
    if (signal !== null) {
      return { report: null, exitCode: null, said: `ended by ${signal}` };
    }
    if (ending === undefined) throw new Error(`The driver exited with ${code}`);
    return ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#child.status;
  }
}
