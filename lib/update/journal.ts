/**
 * What a cprctl that was killed leaves for `cprctl recover`, in the update's run
 * directory: who the VM is, where its state is, and what starts it again.
 *
 * ```
 * journal.json   written before the VM is touched
 * vm.state       written by the VM
 * keeper.log     what went wrong in the keeper
 * keeper.sock    of the keeper of the VM's memory
 * ```
 *
 * @module
 */

import { UpdateProblem } from "./error.ts";
import type { VmRecord } from "./facts.ts";
import type { SettingsRecord } from "./migration_settings.ts";
import type { RunDirectory } from "./run_directory.ts";

const SCHEMA = 1;
const JOURNAL_FILE = "journal.json";
const OWNER_ONLY = 0o600;

/** Everything that a second cprctl needs to end what a first one began. */
export interface Journal {
  readonly schema: typeof SCHEMA;
  readonly vm: VmRecord;
  readonly newArgv: readonly string[];
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

async function writeWhole(
  directory: RunDirectory,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const draft = `${directory.path}/${name}.new`;
  await Deno.writeFile(draft, bytes, { createNew: true, mode: OWNER_ONLY });
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
