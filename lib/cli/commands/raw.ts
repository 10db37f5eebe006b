import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";

/** A command that reads its words itself. */
export interface RawCommand {
  readonly brief: string;
  /** What its words are, in the list of commands. */
  readonly words: string;
  /** Imports it, when it runs and not before. */
  readonly load: () => Promise<
    (words: readonly string[]) => number | Promise<number>
  >;
}

/**
 * Gives a command that reads its words itself its place among the others: in
 * the list, and in suggestions. What starts the program hands such a command
 * its words directly, options and all.
 */
export function rawCommand(
  { brief, words, load }: RawCommand,
): Command<CliContext> {
  return buildCommand<Record<never, never>, string[], CliContext>({
    docs: { brief },
    parameters: {
      positional: {
        kind: "array",
        parameter: { brief, placeholder: words, parse: String },
      },
    },
    loader: async () => {
      const command = await load();
      return async function (_flags, ...all): Promise<void> {
        this.process.exitCode = await command(all);
      };
    },
  });
}
