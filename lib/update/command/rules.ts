/** The edits of a command line before it starts a VM again. @module */

import {
  type Argument,
  keysOf,
  KeyvalText,
  type OptionValue,
  QEMU_OPTIONS,
} from "../../cmdline/mod.ts";
import { type CommandDraft, type Rule, shellWords } from "./draft.ts";
import { checkVhostDescriptors } from "./vhost_rule.ts";
import { returnPaths } from "./set_aside.ts";
import { handOverTaps } from "./tap_rule.ts";
import {
  DEVICE_OPTIONS,
  deviceId,
  namedFile,
  namedSocket,
} from "./command_line.ts";

/**
 * An alias may mean another machine type in another QEMU; the exact name does
 * not.
 */
const pinMachineType: Rule = (draft, { facts: { machine } }) => {
  if (machine === undefined) return;
  // If the type is given several times, the last one counts.
  const argument = draft.of("machine")
    .findLast((each) => keysOf(each).has("type"));
  if (argument === undefined) {
    draft.append(
      ["-machine", machine],
      "the default machine type may differ in the new program",
    );
    return;
  }
  const value = keysOf(argument);
  const type = value.get("type");
  // Proxmox reads its own version back from what follows the "+".
  const [, version = ""] = /^[^+]+(\+.*)$/.exec(type ?? "") ?? [];
  if (type === `${machine}${version}`) return;
  draft.setValue(
    argument,
    value.with("type", `${machine}${version}`),
    `${type} is an alias, and the VM is ${machine}`,
  );
};

/**
 * Sets the generation id that the guest knows. With "auto", each program
 * generates a new one, which would tell the guest that it is a copy of a VM.
 */
const keepGenerationId: Rule = (draft, { facts: { generationId } }) => {
  if (generationId === undefined) return;
  for (const argument of draft.of("device")) {
    const value = keysOf(argument);
    if (value.get("driver") !== "vmgenid" || value.get("guid") !== "auto") {
      continue;
    }
    draft.setValue(
      argument,
      value.with("guid", generationId),
      "another generation id would tell the guest that it is a copy",
    );
  }
};

/** Removes options, whatever their values. */
function removes(options: readonly string[], why: string): Rule {
  return (draft) => {
    for (const argument of draft.of(...options)) draft.remove(argument, why);
  };
}

/** A daemon stays one over an exec; becoming one again would fork. */
const stayDaemon = removes(
  ["daemonize"],
  "the process is a daemon already, and would get another pid",
);

/** What a process keeps over an exec, and usually may not do twice. */
const DONE_BY_PROCESS: Readonly<Record<string, string>> = {
  user: "the process runs as that user already, and may not change again",
  chroot: "the process is in that root directory already",
};

/** The process has already changed its user and its root. */
const keepIdentity: Rule = (draft) => {
  for (const [key, why] of Object.entries(DONE_BY_PROCESS)) {
    for (const argument of draft.of("run-with")) {
      if (keysOf(argument).has(key)) draft.removeKey(argument, key, why);
    }
  }
};

const ALLOCATED = "guest RAM is there already; touching every page of it " +
  "again would lengthen the downtime by about 0.3 s for each GB";

/**
 * Does not preallocate guest RAM again, except for huge pages: there it costs
 * next to nothing, and ensures that they do not run out.
 */
const allocateNothing: Rule = (draft, { live: { hugePageMounts } }) => {
  const isHuge = (path: string | undefined) =>
    path !== undefined &&
    hugePageMounts.some((it) => path === it || path.startsWith(`${it}/`));
  let anyHuge = draft.of("mem-path").some(({ value }) => isHuge(value));
  for (const argument of draft.of("object")) {
    const value = keysOf(argument);
    if (value.get("qom-type")?.startsWith("memory-backend-") !== true) continue;
    if (value.boolean("hugetlb") === true || isHuge(value.get("mem-path"))) {
      anyHuge = true;
    } else if (value.boolean("prealloc") === true) {
      draft.setValue(argument, value.without("prealloc"), ALLOCATED);
    }
  }
  if (anyHuge) return;
  for (const argument of draft.of("mem-prealloc")) {
    draft.remove(argument, ALLOCATED);
  }
};

/** Options that collect data which QEMU discards at its start. */
const EMPTIED: Readonly<Record<string, (value: OptionValue) => boolean>> = {
  trace: (it) => it.has("file"),
  audio: (it) => it.get("driver") === "wav",
  audiodev: (it) => it.get("driver") === "wav",
  object: (it) => it.get("qom-type") === "filter-dump",
  chardev: (it) => ["ringbuf", "memory"].includes(it.get("backend") ?? ""),
};

/** Warns about logs, recordings and buffers that start empty. */
const warnOfEmptied: Rule = (draft) => {
  const emptied = [
    // If there are several log files, QEMU uses the last one.
    ...draft.of("D").slice(-1),
    ...Object.entries(EMPTIED).flatMap(([option, isEmptied]) =>
      draft.of(option).filter((argument) => isEmptied(keysOf(argument)))
    ),
  ];
  for (const argument of emptied) {
    draft.warn(
      `What "${shellWords(argument.words)}" has written will be lost: it is ` +
        "empty when the new program starts",
      "Copy it first if it is needed",
    );
  }
};

/**
 * -loadvm would revert the guest and its disks to a snapshot, and Proxmox's
 * -loadstate the guest to an earlier state.
 */
const loadNoSnapshot = removes(
  ["loadvm", "loadstate"],
  "the state comes from the running VM",
);

/** Options of patched QEMUs that only name the VM. */
const NAMES = ["id"];

/** Warns about options that only a patched QEMU knows. */
const warnOfUnknown: Rule = (draft) => {
  for (const { option, words } of draft.arguments) {
    if (QEMU_OPTIONS.has(option) || NAMES.includes(option)) continue;
    draft.warn(
      `The new program is given "${
        shellWords(words)
      }" again, which is not an ` +
        "option of upstream QEMU",
      "Make sure that the option is harmless for a running VM",
    );
  }
};

const removeEarlierWait = removes(
  ["S", "incoming"],
  "left from an earlier start",
);

/** Makes the program wait, paused, until it is told what to load. */
const waitForState: Rule = (draft) =>
  draft.append(
    ["-S", "-incoming", "defer"],
    "the new program loads the state when it is told to, and the VM starts " +
      "only after the last check",
  );

const KEPT = "the current contents of the file would be lost";

/** Keeps what character devices have written to files. */
const appendLogs: Rule = (draft) => {
  for (const argument of draft.of("chardev")) appendDevice(draft, argument);
  for (const argument of draft.of(...DEVICE_OPTIONS)) {
    const path = namedFile(argument.value ?? "");
    if (path === undefined) appendSocketLog(draft, argument);
    else spellOut(draft, argument, path);
  }
};

function appendDevice(draft: CommandDraft, argument: Argument): void {
  let value = keysOf(argument);
  const before = value.toString();
  if (value.get("backend") === "file" && value.boolean("append") !== true) {
    value = value.with("append", true);
  }
  if (value.has("logfile") && value.boolean("logappend") !== true) {
    value = value.with("logappend", true);
  }
  if (value.toString() !== before) draft.setValue(argument, value, KEPT);
}

function appendSocketLog(draft: CommandDraft, argument: Argument): void {
  const socket = namedSocket(argument.value ?? "");
  if (socket === undefined || !socket.keys.has("logfile")) return;
  if (socket.keys.boolean("logappend") === true) return;
  const keys = socket.keys.with("logappend", true);
  draft.setValue(argument, `${socket.prefix}${keys}`, KEPT);
}

/** The short form cannot say that a file is to be appended to. */
function spellOut(draft: CommandDraft, argument: Argument, path: string): void {
  const id = deviceId(argument, draft.arguments);
  const device = KeyvalText.parse("file", "backend")
    .with("id", id).with("path", path).with("append", true);
  const [option = ""] = argument.words;
  draft.replace(
    argument,
    ["-chardev", device.toString(), option, `chardev:${id}`],
    KEPT,
  );
}

const WAIT = "the new program would wait for a client before it does anything";

/** Servers do not wait for their first client. */
const startServersWithoutWaiting: Rule = (draft) => {
  for (const argument of draft.of("chardev")) {
    const keys = keysOf(argument);
    if (keys.get("backend") !== "socket" || !waits(keys)) continue;
    draft.setValue(argument, keys.with("wait", false), WAIT);
  }
  for (const argument of draft.of(...DEVICE_OPTIONS)) {
    const socket = namedSocket(argument.value ?? "");
    if (socket === undefined || !waits(socket.keys)) continue;
    const keys = socket.keys.with("wait", false);
    draft.setValue(argument, `${socket.prefix}${keys}`, WAIT);
  }
};

function waits(socket: OptionValue): boolean {
  return socket.boolean("server") === true && socket.boolean("wait") !== false;
}

/** Every rule, in the order in which people read what they change. */
export const RULES: readonly Rule[] = [
  pinMachineType,
  keepGenerationId,
  stayDaemon,
  keepIdentity,
  returnPaths,
  allocateNothing,
  handOverTaps,
  checkVhostDescriptors,
  appendLogs,
  startServersWithoutWaiting,
  warnOfEmptied,
  loadNoSnapshot,
  warnOfUnknown,
  removeEarlierWait,
  waitForState,
];
