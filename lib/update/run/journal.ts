/**
 * What a cprctl that was killed leaves for `cprctl recover`, in the update's run
 * directory: who the VM is, where its state is, and what starts it again.
 *
 * ```
 * journal.json   written before the VM is touched
 * standbys        pid and start time of each standby, a line each: one of them may
 *                be the VM by now
 * resumed        there from the moment at which the guest may run again: what
 *                was saved is older than its memory then
 * state/         where the VM's user is another one, a file system of its own
 *   vm.state     written by the VM
 * standby.log     what went wrong in the standby
 * standby.sock    of the standby process
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
/** Settings and threads are in it: a VM with 1000 vCPUs takes half of it. */
const LONGEST = 4 * 1024 * 1024;

/** Writes the journal; it is whole or not there. */
export async function writeJournal(
  directory: Pick<RunDirectory, "path">,
  journal: Omit<Journal, "schema">,
): Promise<void> {
  const text = JSON.stringify({ schema: SCHEMA, ...journal });
  await writeWhole(directory, JOURNAL_FILE, new TextEncoder().encode(text));
}

/**
 * Reads the journal of a run directory; undefined where none was written, and
 * the VM not touched.
 *
 * @throws {UpdateProblem} when another version of cprctl wrote it, or it is
 * damaged
 * @throws {OsError} when it is no regular file, or has no end
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
    throw new UpdateProblem("journal-damaged", "The journal is torn", {
      cause: error,
    });
  }
  return requireJournal(document, SCHEMA);
}

/** Notes who keeps the VM's memory, and may become the VM. */
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

/** Every standby that was noted. */
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

/** Notes that the guest may run from now on; within its downtime. */
export function noteResumption({ path }: Pick<RunDirectory, "path">): void {
  Deno.writeFileSync(`${path}/${RESUMED_FILE}`, new Uint8Array(), {
    mode: OWNER_ONLY,
  });
}

/** Takes the note back: the guest did not run, and goes back. */
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

/** Undefined where nothing is. */
function readIfThere(path: string): string | undefined {
  return ifThereSync(() =>
    new TextDecoder().decode(readForeignFile(path, LONGEST))
  );
}
