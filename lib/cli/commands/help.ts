import { UsageError } from "../../errors.ts";
import { command, type Operand } from "../command.ts";

/** `cprctl help`: the help of a command, or of all. */
export const helpCommand = command({
  name: "help",
  brief: "Print the help of a command",
  description: "Print the help of a command, as its --help does; without a " +
    "command, the list of commands.",
  options: {},
  operands: [
    {
      name: "COMMAND",
      parse: String,
      propose: ({ program }) => program.commands.map(({ name }) => name),
      brief: "A command",
      optional: true,
    } satisfies Operand<string>,
  ],
  examples: [["cprctl help update", "the help of update"]],
  async run({ process, program }, _options, name) {
    const found = program.commands.find((it) => it.name === name);
    if (name !== undefined && found === undefined) {
      throw new UsageError(`Unknown command "${name}"`, {
        remedy: `Run ${program.name} --help`,
      });
    }
    const { commandHelp, programHelp } = await import("../help.ts");
    process.stdout.write(
      found === undefined
        ? programHelp(program)
        : await commandHelp(program, found),
    );
  },
});
