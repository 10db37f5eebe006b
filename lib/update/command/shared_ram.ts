/**
 * The RAM that a command line creates; an update preserves shared RAM.
 *
 * @module
 */

import { keysOf, KeyvalText, type OptionValue } from "../../cmdline/mod.ts";
import { CommandLine } from "./command_line.ts";
import { type CommandDraft, shellWords } from "./draft.ts";

const BACKEND = "memory-backend-";
/** Back ends whose RAM is shared unless share=off is given. */
const SHARED_BY_DEFAULT = ["memfd", "shm", "epc"];
/** A back end whose RAM is anonymous memory. */
const PRIVATE = `${BACKEND}ram`;
/** The id of a back end that is to be added. */
const NEW_ID = "ram0";
/** QEMU's default, in MiB. */
const DEFAULT_SIZE = "128M";
/** The machine type without RAM. */
const NO_RAM = "none";

/** Whether RAM of the firmware and of devices is shared. */
export function sharesAuxiliary(line: CommandLine): boolean {
  return line.values("machine").map((it) => it.boolean("aux-ram-share"))
    .findLast((it) => it !== undefined) === true;
}

/** Memory back ends whose RAM is not shared: their ids. */
export function unsharedBackends(line: CommandLine): string[] {
  return backendsOf(line).filter((it) => !isShared(it))
    .map((it) => it.get("id") ?? "");
}

/**
 * Whether QEMU makes the main RAM itself, as with -m alone: then it is never
 * shared.
 */
export function hasDefaultRam(line: CommandLine): boolean {
  // The embedded machine uses its only back end.
  if (line.program === "cprctl" && backendsOf(line).length > 0) return false;
  const machines = line.values("machine");
  return machines.findLast((it) => it.has("type"))?.get("type") !== NO_RAM &&
    !machines.some((it) => it.has("memory-backend")) &&
    line.all("numa", "memdev").length === 0;
}

/**
 * Options with which all RAM is shared, for the operator to paste: the VM's own
 * -machine and -object, changed where necessary.
 *
 * @throws {CmdlineError} when the command line cannot be parsed
 */
export function sharingWords(line: CommandLine): string {
  const objects = backendsOf(line).filter((it) => !isShared(it))
    .map((it) => it.with("share", "on"));
  let machine = merged(line.values("machine")).with("aux-ram-share", "on");
  if (hasDefaultRam(line)) {
    machine = machine.with("memory-backend", NEW_ID);
    objects.push(KeyvalText.parse(newBackend(line), "qom-type"));
  }
  return shellWords([
    ...["-machine", String(machine)],
    ...objects.flatMap((it) => ["-object", String(it)]),
  ]);
}

/** Options that make a VM's RAM shared at its next start. */
export interface SharingOptions {
  /** What comes after all others: QEMU merges -machine. */
  readonly add: readonly string[];
  /** What takes the place of the options with the same ids. */
  readonly change: readonly string[];
}

/**
 * The same for a manager that can only add options.
 *
 * @throws {CmdlineError} when the command line cannot be parsed
 */
export function sharingOptions(line: CommandLine): SharingOptions {
  const makesRam = hasDefaultRam(line);
  const machine = [
    ...sharesAuxiliary(line) ? [] : ["aux-ram-share=on"],
    ...makesRam ? [`memory-backend=${NEW_ID}`] : [],
  ];
  const changed = backendsOf(line).filter((it) => !isShared(it))
    .map((it) => it.with("share", "on"));
  return {
    add: [
      ...machine.length === 0 ? [] : ["-machine", machine.join(",")],
      ...makesRam ? ["-object", newBackend(line)] : [],
    ],
    change: changed.flatMap((it) => ["-object", String(it)]),
  };
}

function newBackend(line: CommandLine): string {
  return `${BACKEND}memfd,id=${NEW_ID},size=${sizeOf(line)},share=on`;
}

const SHARED = "an update in place needs shared RAM";

/**
 * Has all RAM shared, for a program to which it is copied.
 *
 * @param ids of the memory backends of the running program, with the one that
 * it made itself: QEMU calls the RAM like its back end
 * @throws {CmdlineError} when the command line cannot be parsed
 */
export function shareRam(
  draft: CommandDraft,
  program: string,
  ids: readonly string[],
): void {
  const line = CommandLine.guess("QEMU", [program, ...draft.words]);
  const named = new Set(backendsOf(line).map((it) => it.get("id") ?? ""));
  for (const argument of draft.of("object")) {
    const backend = keysOf(argument);
    const type = backend.get("qom-type") ?? "";
    if (!type.startsWith(BACKEND) || isShared(backend)) continue;
    const shared = backend.with("share", "on");
    draft.setValue(
      argument,
      type === PRIVATE ? shared.with("qom-type", `${BACKEND}memfd`) : shared,
      SHARED,
    );
  }
  const own = ids.find((id) => !named.has(id));
  const isMade = hasDefaultRam(line) && own !== undefined;
  if (isMade) {
    const size = sizeOf(line);
    draft.append(
      ["-object", `${BACKEND}memfd,id=${own},size=${size},share=on`],
      SHARED,
    );
  }
  if (!isMade && sharesAuxiliary(line)) return;
  const backend = isMade ? `,memory-backend=${own}` : "";
  draft.append(["-machine", `aux-ram-share=on${backend}`], SHARED);
}

function backendsOf(line: CommandLine): OptionValue[] {
  return line.values("object")
    .filter((it) => it.get("qom-type")?.startsWith(BACKEND));
}

function isShared(backend: OptionValue): boolean {
  const type = backend.get("qom-type")?.slice(BACKEND.length) ?? "";
  return backend.boolean("share") ?? SHARED_BY_DEFAULT.includes(type);
}

/** QEMU merges the values of all -machine options, too. */
function merged(values: readonly OptionValue[]): OptionValue {
  const [first = KeyvalText.of([]), ...others] = values;
  if (others.length === 0) return first;
  const entries = values.flatMap((it) => it.entries);
  return KeyvalText.of(
    new Map(entries.map(({ key, value }) => [key, value])),
    "type",
  );
}

/** A number alone is in MiB for -m, and in bytes for an object. */
function sizeOf(line: CommandLine): string {
  const size = line.values("m").findLast((it) => it.has("size"))?.get("size") ??
    DEFAULT_SIZE;
  return /\d$/.test(size) ? `${size}M` : size;
}
