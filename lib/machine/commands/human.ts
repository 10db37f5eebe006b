import { command, integer, optional, text } from "../../qmp/mod.ts";
import type { CommandGroup } from "./context.ts";

/** The human monitor over QMP. */
export const HUMAN_COMMANDS: CommandGroup = ({ humanLine }) => ({
  "human-monitor-command": command(
    { "command-line": text(), "cpu-index": optional(integer()) },
    // Line ends as in QEMU.
    async (given) =>
      (await humanLine(given["command-line"])).replaceAll("\n", "\r\n"),
  ),
});
