import type { CommandContext } from "@stricli/core";
import type { CliProcess } from "./process.ts";

/** What `this` is in a command. */
export interface CliContext extends CommandContext {
  readonly process: CliProcess;
}
