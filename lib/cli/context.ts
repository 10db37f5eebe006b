import type { CommandContext } from "@stricli/core";
import type { CliProcess } from "./process.ts";

/** What `this` is in a command. */
export interface CliContext extends CommandContext {
  readonly process: CliProcess;
  /** Runs another command; resolves to its exit code. */
  readonly dispatch: (
    words: readonly string[],
    process: CliProcess,
  ) => Promise<number>;
}
