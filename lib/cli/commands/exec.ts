import { rawCommand } from "./raw.ts";

/** `cprctl exec`: stands between the old program and the new one. */
export const execCommand = rawCommand({
  brief: "Check the hand-over inside a cpr-exec, then execute a command",
  words: "command",
  load: async () => (await import("../../cpr/exec_wrapper.ts")).runExec,
});
