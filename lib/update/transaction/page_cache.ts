/**
 * The new program on disk, read before the guest's pause: a program that has
 * to be read while it starts more than doubles that.
 *
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { O_NONBLOCK, O_RDONLY } from "../../../ffi/open_flags.ts";
import { printedBy, ProbeError } from "../preflight/programs/program_probe.ts";
import { identity } from "../process/proc.ts";
import type { Facts } from "../vm/facts.ts";
import type { Cell } from "../world/cell.ts";

/** The loader of the C library tells what it would load, and starts nothing. */
const TELL_LIBRARIES = { LD_TRACE_LOADED_OBJECTS: "1" };
/** Where a program starts in spite of that, it ends at once. */
const HARMLESS = ["-version"];

const CHUNK_BYTES = 1024 * 1024;
/** A program whose disk is slower than that starts slowly as well. */
const TIMEOUT_MS = 10_000;

/**
 * Reads a program and its libraries into the page cache. What cannot be read is
 * left to the program's start: that is slower then, not wrong.
 *
 * @param program absolute path, as the VM sees it
 */
export async function readAhead(
  facts: Facts,
  program: string,
  cell: Cell,
): Promise<void> {
  const path = `/proc/${facts.pid}/root${program}`;
  const file = await identityOf(path);
  if (file === undefined || isSame(file, facts.executable)) return; // it runs
  const isOurs = isSame(file, await identityOf(program));
  const libraries = isOurs ? await librariesOf(program, cell) : [];
  const files = [path, ...libraries].filter(askFor);
  const deadline = performance.now() + TIMEOUT_MS;
  for (const file of files) await readUntil(file, deadline);
}

interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/** Undefined where no file is. */
async function identityOf(path: string): Promise<Identity | undefined> {
  try {
    return identity(await Deno.stat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isSame(a: Identity, b: Identity | undefined): boolean {
  return a.dev === b?.dev && a.ino === b.ino;
}

/** The files that the loader would load besides. */
async function librariesOf(program: string, cell: Cell): Promise<string[]> {
  try {
    return librariesIn(
      await printedBy(program, HARMLESS, {
        cell,
        variables: TELL_LIBRARIES,
      }),
    );
  } catch (error) {
    if (error instanceof ProbeError) return []; // whoever starts it will say why
    throw error;
  }
}

/** Lines such as "libz.so.1 => /lib/libz.so.1 (0x00007f…)". */
export function librariesIn(printed: string): string[] {
  const found = printed.matchAll(/^\t(?:\S+ => )?(\/\S+) \(0x[\da-f]+\)$/gm);
  return [...found].map(([, path = ""]) => path);
}

/** Has the disk read what it can; false where the file cannot be opened. */
function askFor(path: string): boolean {
  try {
    using file = Fd.open(path, O_RDONLY | O_NONBLOCK);
    file.willNeed();
    return true;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return false; // such as a program that may be executed, not read
  }
}

/** Waits until all of a file has been read. */
async function readUntil(path: string, deadline: number): Promise<void> {
  using file = await Deno.open(path);
  const chunk = new Uint8Array(CHUNK_BYTES);
  while (performance.now() < deadline && await file.read(chunk) !== null);
}
