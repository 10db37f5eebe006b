import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";

/**
 * `cprctl help`: the help of a command, or of all.
 *
 * @param commandNames gives the commands that have one
 */
export function helpCommand(
  commandNames: () => readonly string[],
): Command<CliContext> {
  return buildCommand<Record<never, never>, [command?: string], CliContext>({
    docs: {
      brief: "Print the help of a command",
      fullDescription: withExamples(
        "Print the help of a command, as its --help does; without one, the list of\n" +
          "commands.",
        [["cprctl help update", "what update takes"]],
      ),
    },
    parameters: {
      positional: {
        kind: "tuple",
        parameters: [{
          brief: "A command's name",
          placeholder: "command",
          parse: String,
          proposeCompletions: commandNames,
          optional: true,
        }],
      },
    },
    async func(this: CliContext, _flags, command) {
      const words = command === undefined ? [] : [command];
      this.process.exitCode = await this.dispatch(
        [...words, "--help"],
        this.process,
      );
    },
  });
}
