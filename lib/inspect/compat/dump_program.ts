/** Runs programs with `-dump-vmstate`. @module */

import { duplicate, type Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import { OsError } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { type BriefEnd, type BriefRun, runBriefly } from "../../brief_run.ts";
import { decompressed } from "../decompress.ts";
import { InspectError } from "../error.ts";
import { compressionOf, unpackedBy } from "../format.ts";
import { type Dump, parseDump } from "./dump.ts";

/** Of a dump; QEMU's has 0.9 MB. */
const MAXIMUM_SIZE = 16 * 1024 * 1024;
/** Of a program's other output. */
const MAXIMUM_OUTPUT = 1024 * 1024;
/** Of the output that is quoted in an error. */
const MAXIMUM_MESSAGE = 2_000;
const EXECUTABLE_BITS = 0o111;
/** The first bytes of programs: ELF, and scripts. */
const PROGRAMS = [[0x7f, 0x45, 0x4c, 0x46], [0x23, 0x21]] as const;
const LONGEST_MAGIC = 4;
/** The descriptor of standard input. */
const STANDARD_INPUT = 0;
/** The descriptor for the dump, in the program. */
const DUMP = 3;
/** Cannot be mistaken for an option or a command. */
const MACHINE_NAME = /^\w[\w.+-]*$/;
/** Every QEMU has it, and the dump is the same for all machines. */
const ANY_MACHINE = "none";

/** Runs a program until it ends, or kills it. */
export type RunProgram = (
  program: string,
  run: Omit<BriefRun, "start">,
) => Promise<BriefEnd>;

/** How to run a program. */
export interface DumpOptions {
  /** Machine type; "none" by default. */
  readonly machine?: string | undefined;
  /** Runs it; by default as the user of this process. */
  readonly run?: RunProgram;
}

/**
 * Reads a dump from a file, or from the output of a program.
 *
 * @throws {InspectError} when the file is neither
 */
export async function loadDump(
  path: string,
  options: DumpOptions = {},
): Promise<Dump> {
  if (path === "-") {
    using input = duplicate(STANDARD_INPUT);
    return parseDump(await readText(input, path), path);
  }
  const { mode, isFile } = await statusOf(path);
  const how = { followLink: true, orFifo: true };
  using file = readable(path, () => openForeignFile(path, how));
  const mayBeRun = isFile && ((mode ?? 0) & EXECUTABLE_BITS) !== 0;
  return mayBeRun && isProgram(file, path)
    ? await dumpOf(await Deno.realPath(path), options)
    : parseDump(await readText(file, path), path);
}

/**
 * Whether a file is a program, by its first bytes. The execute permission is
 * not enough: some file systems set it for every file, and a shell would run
 * any text.
 */
function isProgram(file: Fd, path: string): boolean {
  const begin = new Uint8Array(LONGEST_MAGIC);
  const length = readable(path, () => file.read(begin));
  readable(path, () => file.seek(0));
  return PROGRAMS.some((magic) =>
    magic.length <= length && magic.every((byte, at) => begin[at] === byte)
  );
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
  // A file without a name cannot be replaced by another user.
  using dump = createMemfd("cprctl-vmstate");
  const file = `/proc/self/fd/${DUMP}`;
  const args = ["-machine", machine, "-dump-vmstate", file];
  await runToEnd(program, args, new Map([[DUMP, dump.number]]), options);
  if (dump.stat().size === 0) throw failed(program, "it writes none");
  dump.seek(0);
  return parseDump(new TextDecoder().decode(bytesOf(dump, program)), program);
}

async function statusOf(path: string): Promise<Deno.FileInfo> {
  try {
    return await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new InspectError("unreadable", `Cannot read "${path}"`, { cause });
  }
}

/** Reads all of an open file or pipe, and decompresses it. */
async function readText(file: Fd, name: string): Promise<string> {
  const bytes = bytesOf(file, name);
  const compression = compressionOf(bytes);
  if (compression === undefined) return new TextDecoder().decode(bytes);
  const { what, unpacker, format } = compression;
  const reader = "cprctl compat with - for it";
  if (format === undefined) {
    throw new InspectError(
      "not-a-dump",
      `Cannot read "${name}" as the output of -dump-vmstate: it is ${what}`,
      { remedy: unpackedBy(unpacker, name, 0, reader) },
    );
  }
  const decoder = new TextDecoder();
  let text = "";
  const how = { name, reader };
  for await (
    const piece of decompressed(bytes, { ...compression, format }, how)
  ) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAXIMUM_SIZE) {
      throw new InspectError(
        "not-a-dump",
        `Cannot read "${name}": it is too large for a dump`,
      );
    }
  }
  return text + decoder.decode();
}

function bytesOf(file: Fd, name: string): Uint8Array<ArrayBuffer> {
  return readable(name, () => file.readAll(MAXIMUM_SIZE));
}

/** @throws {InspectError} if a system call fails */
function readable<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new InspectError(
      "unreadable",
      `Cannot read the output of "${name}": ${error.description} (${error.code})`,
      { cause: error },
    );
  }
}

async function runToEnd(
  program: string,
  args: readonly string[],
  descriptors: ReadonlyMap<number, number>,
  { run = runBriefly }: DumpOptions,
): Promise<void> {
  let end: BriefEnd;
  try {
    end = await run(program, {
      args,
      descriptors,
      output: "stderr",
      maximum: MAXIMUM_OUTPUT,
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
    { cause },
  );
}
