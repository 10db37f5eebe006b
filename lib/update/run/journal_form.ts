/** The journal's form, checked before it is used. @module */

import {
  ForeignJson,
  type ForeignObject,
  pathText,
} from "../../foreign_json.ts";
import { UpdateProblem } from "../error.ts";
import type { VmRecord } from "../vm/facts.ts";
import type { SettingsRecord } from "../vm/migration_settings.ts";

export const JOURNAL_SCHEMA = 1;

/** What `cprctl recover` needs to complete an update. */
export interface Journal {
  readonly schema: typeof JOURNAL_SCHEMA;
  readonly vm: VmRecord;
  /** The VM's migration settings before the update. */
  readonly settings: SettingsRecord;
  /** Size in bytes of the VM's standard error; absent if that is no file. */
  readonly said?: number | undefined;
}

/** PID_MAX_LIMIT of a 64-bit kernel. For kill(2), 0 and less are groups. */
const LARGEST_PID = 4_194_304;

/**
 * Makes sure that a document is a journal: it may be damaged, or edited.
 *
 * @throws {UpdateProblem} naming what is wrong, or another schema version
 */
export function requireJournal(
  document: unknown,
  schema: Journal["schema"],
): Journal {
  const json = new ForeignJson(
    document,
    (path, what) =>
      new UpdateProblem(
        "journal-damaged",
        `The journal is damaged: "${pathText(path)}" ${what}`,
      ),
  );
  if (json.count(json.root, "schema") !== schema) {
    throw new UpdateProblem(
      "journal-schema",
      "The journal is of another version of cprctl",
    );
  }
  if (json.root["said"] !== undefined) json.count(json.root, "said");
  requireVm(json, json.object(json.root, "vm"));
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
