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
 * queues         numbers of the tap queues that were attached for the new
 *                program, one a line; the source does not use them
 * state/         a file system of its own if the VM's user is another one
 *   vm.state     written by the VM
 * standby.log    errors of the standby
 * standby.sock   the standby's socket
 * ```
 *
 * @module
 */

import { foreignStatus } from "../../../ffi/foreign_file.ts";
import { readStat } from "../../proc/stat.ts";
import { ifThereSync } from "../../gone.ts";
import { UpdateProblem } from "../error.ts";
import type { ProcessName } from "../../proc/process_name.ts";
import type { CarriedCommand } from "../carry/carried.ts";
import type { RunDirectory } from "./directory.ts";
import { OWNER_ONLY, readOwnFile, writeOwnFile } from "./own_file.ts";
import {
  ForeignJson,
  type ForeignObject,
  pathText,
} from "../../foreign_json.ts";
import type { HandOver } from "../command/transfer_command.ts";
import type { VmRecord } from "../vm/facts.ts";
import type { SettingsRecord } from "../vm/settings.ts";

const STANDBY_LINE = /^([1-9]\d{0,8}) (\d+)$/;
const JOURNAL_FILE = "journal.json";
const STANDBYS_FILE = "standbys";
const RESUMED_FILE = "resumed";
const QUEUES_FILE = "queues";

/** Writes the journal atomically. */
export async function writeJournal(
  directory: Pick<RunDirectory, "path">,
  journal: Omit<Journal, "schema">,
): Promise<void> {
  const text = JSON.stringify({ schema: JOURNAL_SCHEMA, ...journal });
  await writeOwnFile(`${directory.path}/${JOURNAL_FILE}`, text);
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
  const text = readOwnFile(`${directory.path}/${JOURNAL_FILE}`);
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
  return requireJournal(document);
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
  const text = readOwnFile(`${path}/${STANDBYS_FILE}`) ?? "";
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

/** Records that a tap queue was attached; runs within the downtime. */
export function noteQueue(
  { path }: Pick<RunDirectory, "path">,
  descriptor: number,
): void {
  Deno.writeTextFileSync(`${path}/${QUEUES_FILE}`, `${descriptor}\n`, {
    append: true,
    mode: OWNER_ONLY,
  });
}

/** The descriptors of the tap queues that were attached. */
export function readQueues({ path }: Pick<RunDirectory, "path">): number[] {
  const text = readOwnFile(`${path}/${QUEUES_FILE}`) ?? "";
  return text.split("\n").filter((line) => /^\d{1,9}$/.test(line)).map(Number);
}

/** Undefined if there is no such file. */
const JOURNAL_SCHEMA = 1;

/** What `cprctl recover` needs to complete an update. */
export interface Journal {
  readonly schema: typeof JOURNAL_SCHEMA;
  readonly vm: VmRecord;
  /** The VM's migration settings before the update. */
  readonly settings: SettingsRecord;
  /** Sent before the state is loaded; absent if nothing is carried over. */
  readonly carried?: readonly CarriedCommand[] | undefined;
  /** Size in bytes of the VM's standard error; absent if that is no file. */
  readonly said?: number | undefined;
  /** Only of a cpr-transfer. */
  readonly handOver?: HandOver | undefined;
}

/** The commands that {@linkcode Journal.carried} may have. */
const CARRIED = [
  ...["add-fd", "getfd", "netdev_add", "blockdev-add", "device_add"],
  "block_set_io_throttle",
];

/** PID_MAX_LIMIT of a 64-bit kernel. For kill(2), 0 and less are groups. */
const LARGEST_PID = 4_194_304;

/**
 * Makes sure that a document is a journal: it may be damaged, or edited.
 *
 * @throws {UpdateProblem} naming what is wrong, or another schema version
 */
function requireJournal(document: unknown): Journal {
  const json = new ForeignJson(
    document,
    (path, what) =>
      new UpdateProblem(
        "journal-damaged",
        `The journal is damaged: "${pathText(path)}" ${what}`,
      ),
  );
  if (json.count(json.root, "schema") !== JOURNAL_SCHEMA) {
    throw new UpdateProblem(
      "journal-schema",
      "The journal is of another version of cprctl",
    );
  }
  if (json.root["said"] !== undefined) json.count(json.root, "said");
  if (json.root["handOver"] !== undefined) {
    const handOver = json.object(json.root, "handOver");
    for (const key of ["monitor", "cpr", "main"]) json.text(handOver, key);
    for (const move of json.objects(handOver, "moves")) {
      for (const key of ["from", "to"]) json.text(move, key);
    }
  }
  requireVm(json, json.object(json.root, "vm"));
  if (json.root["carried"] !== undefined) {
    for (const command of json.objects(json.root, "carried")) {
      if (!CARRIED.includes(json.text(command, "execute"))) {
        throw json.problem(command, "is no command that is carried over");
      }
      json.object(command, "arguments");
      if (command["descriptor"] !== undefined) {
        json.count(command, "descriptor");
      }
    }
  }
  const settings = json.object(json.root, "settings");
  json.object(settings, "parameters");
  json.objects(settings, "capabilities");
  const live = json.object(settings, "live");
  json.objects(live, "writeThresholds");
  json.objects(live, "balloons");
  if (live["terminals"] !== undefined) {
    for (const terminal of json.objects(live, "terminals")) {
      for (const key of ["device", "path"]) json.text(terminal, key);
    }
  }
  return document as Journal;
}

function requireVm(json: ForeignJson, vm: ForeignObject): void {
  const pid = json.count(vm, "pid");
  if (pid < 1 || pid > LARGEST_PID) {
    throw json.problem(vm, "has a pid that no process can have");
  }
  for (const key of ["startTime", "image", "program", "runState"]) {
    json.text(vm, key);
  }
  for (const key of ["name", "uuid", "machine"]) {
    if (vm[key] !== undefined) json.text(vm, key);
  }
  for (const key of ["running", "imagesActive"]) json.flag(vm, key);
  const owner = json.object(vm, "owner");
  for (const key of ["uid", "gid"]) json.count(owner, key);
  const executable = json.object(vm, "executable");
  json.text(executable, "path");
  const version = json.object(vm, "version");
  for (const key of ["major", "minor", "micro"]) json.count(version, key);
  json.text(version, "package");
  requireAddress(json, json.object(vm, "address"));
  for (const thread of json.objects(vm, "threads")) requireThread(json, thread);
  if (vm["service"] !== undefined) {
    const service = json.object(vm, "service");
    for (const key of ["name", "fate"]) json.text(service, key);
  }
  if (vm["tpmPage"] !== undefined) {
    const page = json.object(vm, "tpmPage");
    for (const key of ["address", "bytes"]) json.count(page, key);
    const { contents } = page;
    if (contents !== undefined && !/^([0-9a-f]{2})*$/.test(String(contents))) {
      throw json.problem(page, "has contents that are not in hex");
    }
  }
}

function requireAddress(json: ForeignJson, address: ForeignObject): void {
  if (address["path"] !== undefined) json.text(address, "path");
  else {
    json.text(address, "host");
    json.count(address, "port");
  }
}

function requireThread(json: ForeignJson, thread: ForeignObject): void {
  json.text(thread, "name");
  json.object(thread, "cgroups");
  const placement = json.object(thread, "placement");
  json.object(placement, "scheduling");
  const { affinity } = placement;
  if (
    !Array.isArray(affinity) || !affinity.every((it) => Number.isInteger(it))
  ) {
    throw json.problem(placement, "has no list of CPUs");
  }
}
