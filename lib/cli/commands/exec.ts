import type { RawCommand } from "../command.ts";

/** `cprctl exec`: stands between the old program and the new one. */
export const execCommand: RawCommand = {
  name: "exec",
  brief: "Check the hand-over of a cpr-exec, then execute a command",
  usage: ["[--log FILE] -- COMMAND [ARGUMENT]..."],
  help: async () => (await import("../../cpr/exec_words.ts")).EXEC_HELP,
  run: async (words) =>
    (await import("../../cpr/exec_wrapper.ts")).runExec(words),
};
