/**
 * What a cprctl that was killed leaves for `cprctl recover`, in the update's run
 * directory: who the VM is, where its state is, and what starts it again.
 *
 * ```
 * journal.json   written before the VM is touched
 * keepers        pid and start time of each keeper, a line each: one of them may
 *                be the VM by now
 * resumed        there from the moment at which the guest may run again: what
 *                was saved is older than its memory then
 * vm.state       written by the VM
 * keeper.log     what went wrong in the keeper
 * keeper.sock    of the keeper of the VM's memory
 * ```
 *
 * @module
 */

import { UpdateProblem } from "../error.ts";
import type { ProcessName } from "../process/named_process.ts";
import { readStartTime } from "../process/proc.ts";
import type { VmRecord } from "../vm/facts.ts";
import type { SettingsRecord } from "../vm/migration_settings.ts";
import type { RunDirectory } from "./directory.ts";

const SCHEMA = 1;
const JOURNAL_FILE = "journal.json";
const KEEPERS_FILE = "keepers";
const RESUMED_FILE = "resumed";
const OWNER_ONLY = 0o600;

/** Everything that a second cprctl needs to end what a first one began. */
export interface Journal {
  readonly schema: typeof SCHEMA;
  readonly vm: VmRecord;
  /** The VM's migration settings of before. */
  readonly settings: SettingsRecord;
}

/** Writes the journal; it is whole or not there. */
export async function writeJournal(
  directory: RunDirectory,
  journal: Omit<Journal, "schema">,
): Promise<void> {
  const text = JSON.stringify({ schema: SCHEMA, ...journal });
  await writeWhole(directory, JOURNAL_FILE, new TextEncoder().encode(text));
}

/**
 * Reads the journal of a run directory; undefined where none was written, and
 * the VM not touched.
 *
 * @throws {UpdateProblem} when another version of cprctl wrote it
 */
export async function readJournal(
  directory: RunDirectory,
): Promise<Journal | undefined> {
  const bytes = await readIfThere(`${directory.path}/${JOURNAL_FILE}`);
  if (bytes === undefined) return undefined;
  // The directory and the file are this user's alone: cprctl wrote it.
  const journal = JSON.parse(new TextDecoder().decode(bytes)) as Journal;
  if (journal.schema === SCHEMA) return journal;
  throw new UpdateProblem(
    "journal-schema",
    `Journal "${directory.path}" is of another version of cprctl`,
  );
}

/** Notes who keeps the VM's memory, and may become the VM. */
export async function noteKeeper(
  directory: RunDirectory["path"],
  pid: number,
): Promise<void> {
  const line = `${pid} ${await readStartTime(pid)}\n`;
  await Deno.writeTextFile(`${directory}/${KEEPERS_FILE}`, line, {
    append: true,
    mode: OWNER_ONLY,
  });
}

/** Every keeper that was noted. */
export async function readKeepers(
  { path }: RunDirectory,
): Promise<ProcessName[]> {
  const bytes = await readIfThere(`${path}/${KEEPERS_FILE}`);
  return new TextDecoder().decode(bytes).split("\n").flatMap((line) => {
    const [pid = "", startTime] = line.split(" ");
    return startTime === undefined ? [] : [{ pid: Number(pid), startTime }];
  });
}

/** Notes that the guest may run from now on; within its pause. */
export function noteResumption({ path }: RunDirectory): void {
  Deno.writeFileSync(`${path}/${RESUMED_FILE}`, new Uint8Array(), {
    mode: OWNER_ONLY,
  });
}

/** Takes the note back: the guest did not run, and goes back. */
export function forgetResumption({ path }: RunDirectory): void {
  try {
    Deno.removeSync(`${path}/${RESUMED_FILE}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether the guest may have run since its state was saved. */
export async function mayHaveResumed(
  { path }: RunDirectory,
): Promise<boolean> {
  return await readIfThere(`${path}/${RESUMED_FILE}`) !== undefined;
}

async function writeWhole(
  directory: RunDirectory,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const draft = `${directory.path}/${name}.new`;
  await Deno.writeFile(draft, bytes, { mode: OWNER_ONLY });
  await Deno.rename(draft, `${directory.path}/${name}`);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
