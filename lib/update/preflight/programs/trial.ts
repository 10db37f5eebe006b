/**
 * Starting a QEMU as the VM would be started with it, as far as it touches
 * nothing of the VM's: once with its whole command line, which it reads and then
 * tells its version, and once without a machine, for a few questions.
 *
 * ```
 * PROGRAM the command line … -version       options and their parameters
 * PROGRAM -machine none -qmp stdio          types and their properties
 * ```
 *
 * It runs in the VM's confinement with the VM's environment, whoever owns the
 * program: the words are the VM's.
 *
 * @module
 */

import type { Child } from "../../../../ffi/child.ts";
import type { Fd } from "../../../../ffi/fd.ts";
import {
  addSeals,
  createMemfd,
  SEAL_GROW,
  SEAL_SHRINK,
} from "../../../../ffi/memfd.ts";
import { Pipe } from "../../../../ffi/pipe.ts";
import { type BriefStart, runBriefly } from "../../../brief_run.ts";
import { RunDirectory } from "../../run/directory.ts";
import type { Sandbox } from "../../standby/sandbox.ts";
import type { CheckContext } from "../check.ts";
import {
  type Answers,
  answersIn,
  type Questions,
  scriptOf,
} from "./trial_questions.ts";

/** A program that is cold on a slow disk takes seconds to start. */
const TIMEOUT_MS = 15_000;
/** The schema of QMP takes 250 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;
/** In UTF-16 units; of what it has to say besides. */
const MAX_COMPLAINT = 64 * 1024;

const QUESTIONING: readonly string[] = [
  ...["-machine", "none", "-nodefaults", "-no-user-config"],
  ...["-S", "-display", "none", "-qmp", "stdio"],
];
const IS_QEMU = /^QEMU emulator version /m;

/** Which program is started, and by what words. */
export interface Candidate {
  readonly argv: readonly string[];
  /** The VM's running program, whatever is at its path now. */
  readonly isRunning: boolean;
}

/** What a program said; without a failure, it started well. */
export interface TrialEnd {
  readonly answers: Answers;
  /** In the program's own words, as far as it had any. */
  readonly failure?: string;
  /** Whether it was killed, and not by us: for want of memory, it seems. */
  readonly killed?: true;
}

/** One start of it. */
interface Start {
  readonly printed: string;
  readonly said: string;
  readonly failure?: string;
}

/**
 * Tries a program.
 *
 * @throws {OsError} when cprctl cannot start itself
 */
export async function tryOut(
  candidate: Candidate,
  questions: Questions,
  { sandbox, facts }: CheckContext & { readonly sandbox: Sandbox },
): Promise<TrialEnd> {
  await using directory = await RunDirectory.create(facts);
  const run = (words: readonly string[], input: string) =>
    runOnce(
      starter(candidate, sandbox, facts.pid, directory.path),
      words,
      input,
    );
  const [program = "", ...words] = candidate.argv;
  const reading = await run([program, ...words, "-version"], "");
  const failed = failureOf(reading, IS_QEMU.test(reading.printed));
  if (failed !== undefined) return { answers: answersIn(""), ...failed };
  const session = await run([program, ...QUESTIONING], scriptOf(questions));
  const answers = answersIn(session.printed);
  return { answers, ...failureOf(session, answers.complete) };
}

function failureOf(
  { said, failure }: Start,
  didAnswer: boolean,
): Pick<TrialEnd, "failure" | "killed"> | undefined {
  if (failure === undefined && didAnswer) return undefined;
  const reason = said.trim() || `it ${failure ?? "does not answer"}`;
  return failure === "ended with SIGKILL"
    ? { failure: reason, killed: true }
    : { failure: reason };
}

/** How a program is started: by itself, or in the sandbox. */
interface Starter {
  readonly program?: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly start?: (what: BriefStart) => Child;
}

function starter(
  { isRunning }: Candidate,
  sandbox: Sandbox,
  pid: number,
  moduleFolder: string,
): Starter {
  const { environment } = sandbox;
  if (Deno.uid() !== 0) {
    // We are the VM's user, who may do all that the VM may.
    const program = isRunning ? { program: `/proc/${pid}/exe` } : {};
    return { ...program, variables: environment };
  }
  const ofRunning = isRunning ? { runningProgram: true, moduleFolder } : {};
  return {
    variables: environment,
    start: ({ argv, descriptors }) =>
      sandbox.start({ argv, descriptors, environment, ...ofRunning }),
  };
}

async function runOnce(
  { program, start, variables }: Starter,
  [name = "", ...args]: readonly string[],
  input: string,
): Promise<Start> {
  using stdin = Pipe.make();
  using stdout = boundedFile();
  // It is less than a pipe holds; QEMU takes the end of it for a hang-up.
  stdin.writer.setNonblocking(true);
  stdin.writer.writeAll(new TextEncoder().encode(input));
  const end = await runBriefly(program ?? name, {
    ...{ args, variables, timeoutMs: TIMEOUT_MS, maximum: MAX_COMPLAINT },
    output: "stderr",
    descriptors: new Map([
      [0, stdin.reader.number],
      [1, stdout.number],
    ]),
    ...start === undefined ? {} : { start },
  });
  const { text: said, failure } = end;
  const printed = textOf(stdout);
  return { printed, said, ...failure === undefined ? {} : { failure } };
}

/**
 * What a QEMU prints to: it quits without waiting for the reader of a pipe. The
 * file cannot get larger.
 */
function boundedFile(): Fd {
  const file = createMemfd("cprctl-trial", { size: MAX_OUTPUT, sealing: true });
  addSeals(file, SEAL_GROW | SEAL_SHRINK);
  return file;
}

/** As far as it was written. */
function textOf(file: Fd): string {
  const bytes = new Uint8Array(MAX_OUTPUT);
  const length = file.pread(bytes, 0);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? length : end));
}
