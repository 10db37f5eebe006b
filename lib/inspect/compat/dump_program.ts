/** What programs tell by `-dump-vmstate`: they are run, and end at once. @module */

import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import {
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
} from "../../../ffi/open_flags.ts";
import { type BriefEnd, runBriefly } from "../../brief_run.ts";
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
/** A machine of every QEMU. What is dumped is the same for all. */
const ANY_MACHINE = "none";

/** How to run a program. */
export interface DumpOptions {
  /** Machine type; any, where it is not said. */
  readonly machine?: string | undefined;
  /** Who runs it; counts when we are root. */
  readonly user?: { readonly uid: number; readonly gid: number };
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
    : parseDump(readText(path, path), path);
}

/**
 * Runs a program with `-dump-vmstate`, in an empty environment.
 *
 * @throws {InspectError} when it cannot be run, fails, or does not end
 */
export async function dumpOf(
  program: string,
  { machine = ANY_MACHINE, user, timeoutMs = TIMEOUT_MS }: DumpOptions = {},
): Promise<Dump> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-compat-" });
  try {
    if (Deno.uid() === 0 && user !== undefined) {
      await Deno.chown(folder, user.uid, user.gid);
    }
    const file = `${folder}/vmstate.json`;
    const args = ["-machine", machine, "-dump-vmstate", file];
    await runToEnd(program, args, user, timeoutMs);
    return parseDump(readText(file, program), program);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function statusOf(path: string): Promise<Deno.FileInfo> {
  try {
    return await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new InspectError("unreadable", `Cannot read "${path}"`, { cause });
  }
}

/** Whoever made the file may have made it a link, or a FIFO. */
function readText(path: string, name: string): string {
  try {
    const isOurs = path === name;
    using file = Fd.open(
      path,
      O_RDONLY | O_NOCTTY | O_NONBLOCK | (isOurs ? 0 : O_NOFOLLOW),
    );
    if (!file.stat().isFile) {
      throw new InspectError("unreadable", `Cannot read "${name}": no file`);
    }
    return new TextDecoder().decode(file.readAll(MAXIMUM_SIZE));
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new InspectError(
      "unreadable",
      `Cannot read what "${name}" tells: ${error.description} (${error.code})`,
      { cause: error },
    );
  }
}

async function runToEnd(
  program: string,
  args: readonly string[],
  user: DumpOptions["user"],
  timeoutMs: number,
): Promise<void> {
  const limits = { maximum: MAXIMUM_OUTPUT, timeoutMs };
  let end: BriefEnd;
  try {
    end = await runBriefly(program, {
      args,
      user,
      output: "stderr",
      ...limits,
    });
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw failed(program, `it cannot be run: ${cause.message}`, cause);
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
