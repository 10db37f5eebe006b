/**
 * Starts a QEMU as the VM would be started with it, without touching anything
 * of the VM's: once with its whole command line, which it reads before it
 * prints its version, and once without a machine, to be asked a few questions.
 *
 * ```
 * PROGRAM the command line … -version       options and their parameters
 * PROGRAM -machine none -qmp stdio          types and their properties
 * ```
 *
 * It runs in the VM's confinement with the VM's environment, whoever owns the
 * program, because the command line is the VM's.
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import {
  addSeals,
  createMemfd,
  SEAL_GROW,
  SEAL_SHRINK,
} from "../../../ffi/memfd.ts";
import { Pipe } from "../../../ffi/pipe.ts";
import type { Child } from "../../../ffi/child.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { type BriefStart, runBriefly } from "../../brief_run.ts";
import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import { RunDirectory } from "../run/directory.ts";
import type { Sandbox, SandboxStart } from "../standby/sandbox.ts";
import type { Facts } from "../vm/facts.ts";
import { asArray, objectsIn } from "../vm/reply.ts";
import type { Variables } from "./safe_run.ts";

/** The schema of QMP takes 250 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;
/** For what it prints to stderr, in UTF-16 units. */
const MAX_COMPLAINT = 64 * 1024;

/** Longest text of a number of milliseconds. */
const MAX_DIGITS = 32;

const QUESTIONING: readonly string[] = [
  ...["-machine", "none", "-nodefaults", "-no-user-config"],
  ...["-S", "-display", "none", "-qmp", "stdio"],
];
const IS_QEMU = /^QEMU emulator version /m;

/** Which program is started, and with which command line. */
export interface Candidate {
  readonly argv: readonly string[];
  /** The VM's running program, whatever is at its path now. */
  readonly isRunning: boolean;
}

/** What is to be known of a program. */
export interface Questions {
  /** Types of devices, vCPUs, objects and machines. */
  readonly types: readonly string[];
  /** Whether to ask for the options of network backends, which takes longer. */
  readonly netdevs: boolean;
}

/** What a program knows. */
export interface Answers {
  /** Whether it answered every question. */
  readonly complete: boolean;
  /** A type's properties; undefined if it does not know the type. */
  properties(type: string): ReadonlySet<string> | undefined;
  /** Its error message about a type that it does not know. */
  complaint(type: string): string | undefined;
  /** The options of a kind of network backend; undefined if it lists none. */
  netdevOptions(kind: string): ReadonlySet<string> | undefined;
}

/** What a program said; without a failure, it started well. */
export interface TrialEnd {
  readonly answers: Answers;
  /** In the program's own words, if it had any. */
  readonly failure?: string;
  /** It was killed, and not by us: probably because memory ran out. */
  readonly killed?: true;
  /**
   * The CPU time that it takes to start and to read its command line, in
   * milliseconds. It hardly depends on other load.
   */
  readonly startMs?: number | undefined;
}

/** What one start of it printed to stdout and stderr, and how it failed. */
interface StartEnd {
  readonly printed: string;
  readonly complaint: string;
  readonly failure: string | undefined;
  /** The CPU time that it took, in milliseconds. */
  readonly startMs: number | undefined;
}

/**
 * Tries a program.
 *
 * @throws {OsError} when cprctl cannot start itself
 */
export async function tryProgram(
  candidate: Candidate,
  questions: Questions,
  facts: Facts,
  sandbox: Sandbox,
): Promise<TrialEnd> {
  await using directory = await RunDirectory.create(facts);
  const means = meansOf(candidate, sandbox, facts.pid, directory.path);
  const [program = "", ...words] = candidate.argv;
  const reading = await startOnce([program, ...words, "-version"], "", means);
  const failed = failureOf(reading, IS_QEMU.test(reading.printed));
  if (failed !== undefined) return { answers: answersIn(""), ...failed };
  const session = await startOnce(
    [program, ...QUESTIONING],
    scriptOf(questions),
    means,
  );
  const answers = answersIn(session.printed);
  const { startMs } = reading;
  return { answers, startMs, ...failureOf(session, answers.complete) };
}

function failureOf(
  { complaint, failure }: StartEnd,
  didAnswer: boolean,
): Pick<TrialEnd, "failure" | "killed"> | undefined {
  if (failure === undefined && didAnswer) return undefined;
  const reason = complaint.trim() || `it ${failure ?? "does not answer"}`;
  return failure === "ended with SIGKILL"
    ? { failure: reason, killed: true }
    : { failure: reason };
}

/** How a program is started: directly, or in the sandbox. */
interface Means {
  /** Instead of the one that the command line names. */
  readonly program?: string;
  readonly variables: Variables;
  readonly start?: (
    what: BriefStart & Pick<SandboxStart, "usedBefore">,
  ) => Child;
}

function meansOf(
  { isRunning }: Candidate,
  sandbox: Sandbox,
  pid: number,
  moduleFolder: string,
): Means {
  const { environment } = sandbox;
  if (Deno.uid() !== 0) {
    // We are the VM's user, who may do everything that the VM may.
    const program = isRunning ? { program: `/proc/${pid}/exe` } : {};
    return { ...program, variables: environment };
  }
  const running = isRunning ? { moduleFolder } : {};
  return {
    variables: environment,
    start: (what) => sandbox.start({ ...what, environment, ...running }),
  };
}

async function startOnce(
  [name = "", ...args]: readonly string[],
  input: string,
  { program = name, variables, start }: Means,
): Promise<StartEnd> {
  using before = Pipe.make();
  const usedBefore = before.writer.number;
  using stdin = Pipe.make();
  using stdout = boundedFile();
  // The input fits into the pipe; QEMU takes the end of it for a hang-up.
  stdin.writer.setNonblocking(true);
  stdin.writer.writeAll(new TextEncoder().encode(input));
  const { text: complaint, failure, cpuMs } = await runBriefly(program, {
    ...{ args, variables, maximum: MAX_COMPLAINT },
    ...start && { start: (what) => start({ ...what, usedBefore }) },
    output: "stderr",
    descriptors: new Map([
      [0, stdin.reader.number],
      [1, stdout.number],
    ]),
  });
  const startMs = cpuMs === undefined
    ? undefined
    : cpuMs - numberIn(before.reader);
  return { printed: writtenTo(stdout), complaint, failure, startMs };
}

/** The number that was written to a pipe as text; 0 without any. */
function numberIn(reader: Fd): number {
  reader.setNonblocking(true);
  const text = new Uint8Array(MAX_DIGITS);
  const length = ifPossible(() => reader.read(text), "EAGAIN");
  return Number(new TextDecoder().decode(text.subarray(0, length ?? 0)));
}

/**
 * Standard output for a QEMU, which quits without waiting for the reader of a
 * pipe. The file cannot grow.
 */
function boundedFile(): Fd {
  const file = createMemfd("cprctl-trial", { size: MAX_OUTPUT, sealing: true });
  addSeals(file, SEAL_GROW | SEAL_SHRINK);
  return file;
}

/** The text in such a file, up to the first NUL. */
function writtenTo(file: Fd): string {
  const bytes = new Uint8Array(MAX_OUTPUT);
  const length = file.pread(bytes, 0);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? length : end));
}

/** A pipe holds this many questions, one for each type in use. */
const MAXIMUM_TYPES = 300;
/** No type of QEMU's has other characters, or is longer. */
const TYPE = /^[\w.+-]{1,64}$/;
const NETDEV = "netdev_add";

/** The lines to write to the program. */
export function scriptOf({ types, netdevs }: Questions): string {
  const asked = [...new Set(types)].filter((type) => TYPE.test(type))
    .slice(0, MAXIMUM_TYPES);
  return [
    { execute: "qmp_capabilities" },
    ...asked.map((typename) => ({
      ...{ execute: "qom-list-properties", id: typename },
      arguments: { typename },
    })),
    ...netdevs ? [{ execute: "query-qmp-schema", id: [NETDEV] }] : [],
    { execute: "quit", id: [] },
  ].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Reads what the program printed, which may be anything. */
export function answersIn(printed: string): Answers {
  const properties = new Map<string, Set<string>>();
  const complaints = new Map<string, string>();
  let schema: readonly Json[] = [];
  let complete = false;
  for (const line of printed.split("\n")) {
    const { id, error, return: result } = objectIn(line);
    if (typeof id === "string") {
      if (isObject(error)) complaints.set(id, String(error["desc"] ?? ""));
      else properties.set(id, new Set(asArray(result).map(memberName)));
    } else if (Array.isArray(id)) {
      if (id[0] === NETDEV) schema = asArray(result);
      else complete = true;
    }
  }
  return {
    complete,
    properties: (type) => properties.get(type),
    complaint: (type) => complaints.get(type),
    netdevOptions: (kind) => netdevOptions(schema, kind),
  };
}

/** The object that a line is in JSON; an empty one if it is none. */
function objectIn(line: string): JsonObject {
  try {
    const value: Json = JSON.parse(line);
    return isObject(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function memberName(member: Json): string {
  return isObject(member) ? String(member["name"] ?? "") : "";
}

/** Looks a kind up in a schema, where types have numbers for names. */
function netdevOptions(
  schema: readonly Json[],
  kind: string,
): ReadonlySet<string> | undefined {
  const named = (name: Json | undefined): JsonObject =>
    schema.filter(isObject).find((it) => it["name"] === name) ?? {};
  const netdev = named(named(NETDEV)["arg-type"]);
  const variant = objectsIn(netdev["variants"])
    .find((it) => it["case"] === kind);
  if (variant === undefined) return undefined;
  const own = named(variant["type"]);
  return new Set(
    [...asArray(netdev["members"]), ...asArray(own["members"])].map(memberName),
  );
}
