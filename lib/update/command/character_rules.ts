/** How character devices are started again: without losing data, or waiting. @module */

import {
  type Argument,
  keysOf,
  KeyvalText,
  type OptionValue,
} from "../../cmdline/mod.ts";
import {
  DEVICE_OPTIONS,
  deviceId,
  namedFile,
  namedSocket,
} from "./character_device.ts";
import type { CommandDraft, Rule } from "./draft.ts";

const KEPT = "the present content of the file would be lost";

/** Keeps what character devices have written to files. */
export const appendLogs: Rule = (draft) => {
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

/** The short form has no way to say that a file is to be kept. */
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
export const startServersWithoutWaiting: Rule = (draft) => {
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
