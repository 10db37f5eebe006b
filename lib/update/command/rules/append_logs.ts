import {
  type Argument,
  keysOf,
  KeyvalText,
  withValue,
} from "../../../cmdline/mod.ts";
import {
  DEVICE_OPTIONS,
  deviceId,
  namedFile,
  namedSocket,
} from "../character_device.ts";
import type { CommandDraft } from "../draft.ts";
import type { Rule } from "../rule.ts";

const WHY = "what is in the file by now would be lost";

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
  const after = value.toString();
  if (after === before) return;
  draft.replace(argument, withValue(argument, after).words, WHY);
}

function appendSocketLog(draft: CommandDraft, argument: Argument): void {
  const socket = namedSocket(argument.value ?? "");
  if (socket === undefined || !socket.keys.has("logfile")) return;
  if (socket.keys.boolean("logappend") === true) return;
  const keys = socket.keys.with("logappend", true);
  const { words } = withValue(argument, `${socket.prefix}${keys}`);
  draft.replace(argument, words, WHY);
}

/** The short form cannot say that a file is to be kept. */
function spellOut(draft: CommandDraft, argument: Argument, path: string): void {
  const id = deviceId(argument, draft.arguments);
  const device = KeyvalText.parse("file", "backend")
    .with("id", id).with("path", path).with("append", true);
  const { words } = withValue(argument, `chardev:${id}`);
  draft.replace(argument, ["-chardev", device.toString(), ...words], WHY);
}
