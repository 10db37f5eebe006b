/** What programs tell by `-dump-vmstate`: they are run, and end at once. @module */

import type { Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import { OsError } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { type BriefEnd, type BriefRun, runBriefly } from "../../brief_run.ts";
import { InspectError } from "../error.ts";
import { type Dump, parseDump } from "./dump.ts";

/** It takes 50 ms; a cold program on a busy host, seconds. */
const TIMEOUT_MS = 10_000;
/** QEMU's takes 0.9 MB. */
const MAXIMUM_SIZE = 16 * 1024 * 1024;
/** Of what a program has to say besides. */
const MAXIMUM_OUTPUT = 1024 * 1024;
/** Of what one that fails is quoted with. */
const MAXIMUM_MESSAGE = 2_000;
const EXECUTABLE_BITS = 0o111;
/** What the dump is written to, in the program. */
const DUMP = 3;
/** What no program takes for an option or a command. */
const MACHINE_NAME = /^\w[\w.+-]*$/;
/** A machine of every QEMU. What is dumped is the same for all. */
const ANY_MACHINE = "none";

/** Runs a program to its end, or ends it. */
export type RunProgram = (
  program: string,
  run: Omit<BriefRun, "start">,
) => Promise<BriefEnd>;

/** How to run a program. */
export interface DumpOptions {
  /** Machine type; any, where it is not said. */
  readonly machine?: string | undefined;
  /** Runs it; as this process's user unless given. */
  readonly run?: RunProgram;
  readonly timeoutMs?: number;
}

/**
 * Reads a dump, or runs the program that makes one.
 *
 * @throws {InspectError} when it is neither
 */
export async function loadDump(
  path: string,
  options: DumpOptions = {},
): Promise<Dump> {
  const { mode, isFile } = await statusOf(path);
  const isProgram = isFile && ((mode ?? 0) & EXECUTABLE_BITS) !== 0;
  return isProgram
    ? await dumpOf(await Deno.realPath(path), options)
    : parseDump(readText(path), path);
}

/**
 * Runs a program with `-dump-vmstate`, in an empty environment.
 *
 * @throws {InspectError} when it cannot be run, fails, or does not end
 */
export async function dumpOf(
  program: string,
  options: DumpOptions = {},
): Promise<Dump> {
  const { machine = ANY_MACHINE } = options;
  if (!MACHINE_NAME.test(machine)) {
    throw failed(program, `no machine has the name ${JSON.stringify(machine)}`);
  }
  // No file has a name that another user could give to another file.
  using dump = createMemfd("cprctl-vmstate");
  const file = `/proc/self/fd/${DUMP}`;
  const args = ["-machine", machine, "-dump-vmstate", file];
  await runToEnd(program, args, new Map([[DUMP, dump.number]]), options);
  if (dump.stat().size === 0) throw failed(program, "it writes none");
  dump.seek(0);
  return parseDump(textOf(dump, program), program);
}

async function statusOf(path: string): Promise<Deno.FileInfo> {
  try {
    return await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new InspectError("unreadable", `Cannot read "${path}"`, { cause });
  }
}

function readText(path: string): string {
  try {
    using file = openForeignFile(path, { followLink: true });
    return textOf(file, path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw unreadable(path, error);
  }
}

/** All of an open file. */
function textOf(file: Fd, name: string): string {
  try {
    if (!file.stat().isFile) {
      throw new InspectError("unreadable", `Cannot read "${name}": no file`);
    }
    return new TextDecoder().decode(file.readAll(MAXIMUM_SIZE));
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw unreadable(name, error);
  }
}

function unreadable(name: string, error: OsError): InspectError {
  return new InspectError(
    "unreadable",
    `Cannot read what "${name}" tells: ${error.description} (${error.code})`,
    { cause: error },
  );
}

async function runToEnd(
  program: string,
  args: readonly string[],
  descriptors: ReadonlyMap<number, number>,
  { run = runBriefly, timeoutMs = TIMEOUT_MS }: DumpOptions,
): Promise<void> {
  const limits = { maximum: MAXIMUM_OUTPUT, timeoutMs };
  let end: BriefEnd;
  try {
    end = await run(program, {
      args,
      descriptors,
      output: "stderr",
      ...limits,
    });
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const why = cause instanceof OsError ? cause.description : cause.message;
    throw failed(program, `it cannot be run: ${why}`, cause);
  }
  const { text, failure } = end;
  if (failure === undefined) return;
  const said = text.slice(0, MAXIMUM_MESSAGE).trim().split("\n")[0];
  throw failed(program, said || `it ${failure}`);
}

function failed(program: string, why: string, cause?: Error): InspectError {
  return new InspectError(
    "no-dump",
    `Cannot have "${program}" dump its VMState: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
