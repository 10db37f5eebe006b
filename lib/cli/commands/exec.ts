import type { RawCommand } from "../command.ts";

/**
 * `cprctl exec`: a wrapper that checks the hand-over before the new program.
 */
export const execCommand: RawCommand = {
  name: "exec",
  brief: "Check the hand-over of a cpr-exec, then execute a command",
  usage: ["[--log FILE] -- COMMAND [ARGUMENT]..."],
  help: async () => (await import("../../cpr/exec_wrapper.ts")).EXEC_HELP,
  run: async (words) =>
    (await import("../../cpr/exec_wrapper.ts")).runExec(words),
};
