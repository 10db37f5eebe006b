/**
 * The files in the run directory, for `cprctl recover` after a cprctl was
 * killed: they identify the VM and its standby, and say how far the update got.
 *
 * ```
 * journal.json   written before the VM is touched
 * standbys       pid and start time of each standby, one a line; after a
 *                rollback one of them is the VM
 * resumed        exists once the guest may have been resumed: then the saved
 *                state may be older than its memory
 * state/         a file system of its own if the VM's user is another one
 *   vm.state     written by the VM
 * standby.log    errors of the standby
 * standby.sock   the standby's socket
 * ```
 *
 * @module
 */

import { foreignStatus, readForeignFile } from "../../../ffi/foreign_file.ts";
import { readStat } from "../../proc/stat.ts";
import { ifThereSync } from "../../gone.ts";
import { UpdateProblem } from "../error.ts";
import type { ProcessName } from "../../proc/process_name.ts";
import type { RunDirectory } from "./directory.ts";
import {
  type Journal,
  JOURNAL_SCHEMA as SCHEMA,
  requireJournal,
} from "./journal_form.ts";

export type { Journal } from "./journal_form.ts";

const STANDBY_LINE = /^([1-9]\d{0,8}) (\d+)$/;
const JOURNAL_FILE = "journal.json";
const STANDBYS_FILE = "standbys";
const RESUMED_FILE = "resumed";
const OWNER_ONLY = 0o600;
/** A VM with 1000 vCPUs needs half of it, for its threads. */
const LONGEST = 4 * 1024 * 1024;

/** Writes the journal atomically. */
export async function writeJournal(
  directory: Pick<RunDirectory, "path">,
  journal: Omit<Journal, "schema">,
): Promise<void> {
  const text = JSON.stringify({ schema: SCHEMA, ...journal });
  await writeWhole(directory, JOURNAL_FILE, new TextEncoder().encode(text));
}

/**
 * Reads the journal of a run directory; undefined if there is none, so that the
 * VM was not touched.
 *
 * @throws {UpdateProblem} when another version of cprctl wrote it, or it is
 * damaged
 * @throws {OsError} when it is no regular file, or too large
 */
export function readJournal(directory: RunDirectory): Journal | undefined {
  const text = readIfThere(`${directory.path}/${JOURNAL_FILE}`);
  return text === undefined ? undefined : parseJournal(text);
}

/** @throws {UpdateProblem} */
export function parseJournal(text: string): Journal {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UpdateProblem("journal-damaged", "The journal is not JSON", {
      cause: error,
    });
  }
  return requireJournal(document, SCHEMA);
}

/** Records a standby process, which may become the VM. */
export async function noteStandby(
  directory: RunDirectory["path"],
  pid: number,
): Promise<void> {
  const { startTime } = await readStat(pid);
  const file = `${directory}/${STANDBYS_FILE}`;
  await Deno.writeTextFile(file, `${pid} ${startTime}\n`, {
    append: true,
    mode: OWNER_ONLY,
  });
}

/** Every standby that was recorded. */
export function readStandbys({ path }: RunDirectory): ProcessName[] {
  const text = readIfThere(`${path}/${STANDBYS_FILE}`) ?? "";
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, pid, startTime = ""] = STANDBY_LINE.exec(line) ?? [];
    if (pid !== undefined) return { pid: Number(pid), startTime };
    throw new UpdateProblem(
      "journal-damaged",
      `"${path}/${STANDBYS_FILE}" has a line that names no process`,
    );
  });
}

/** Records that the guest may run from now on; runs within the downtime. */
export function noteResumption({ path }: Pick<RunDirectory, "path">): void {
  Deno.writeFileSync(`${path}/${RESUMED_FILE}`, new Uint8Array(), {
    mode: OWNER_ONLY,
  });
}

/** Removes that record: the guest has not run, and is rolled back. */
export function forgetResumption({ path }: Pick<RunDirectory, "path">): void {
  ifThereSync(() => Deno.removeSync(`${path}/${RESUMED_FILE}`));
}

/** Whether the guest may have run since its state was saved. */
export function mayHaveResumed({ path }: RunDirectory): boolean {
  return ifThereSync(() => foreignStatus(`${path}/${RESUMED_FILE}`)) !==
    undefined;
}

async function writeWhole(
  directory: Pick<RunDirectory, "path">,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const draft = `${directory.path}/${name}.new`;
  await Deno.writeFile(draft, bytes, { mode: OWNER_ONLY });
  await Deno.rename(draft, `${directory.path}/${name}`);
}

/** Undefined if there is no such file. */
function readIfThere(path: string): string | undefined {
  return ifThereSync(() =>
    new TextDecoder().decode(readForeignFile(path, LONGEST))
  );
}
