import { command, oneOf, type Operand } from "../command.ts";
import { SCRIPTS, type Shell, SHELLS } from "../completion_scripts.ts";

/** `cprctl completions`: a script for a shell. */
export const completionsCommand = command({
  name: "completions",
  brief: "Print a shell completion script",
  description:
    "Print a completion script for bash, zsh or fish. The shell then completes " +
    "commands, options, and the sockets and names of this host's VMs.",
  options: {},
  operands: [
    {
      name: "SHELL",
      parse: oneOf(SHELLS),
      propose: () => SHELLS,
      brief: SHELLS.join(", "),
    } satisfies Operand<Shell>,
  ],
  examples: [
    [". <(cprctl completions bash)", "in this shell"],
    ["cprctl completions zsh >~/.zfunc/_cprctl", "in every zsh"],
    [
      "cprctl completions fish >~/.config/fish/completions/cprctl.fish",
      "in every fish",
    ],
  ],
  run({ process }, _options, shell) {
    process.stdout.write(SCRIPTS[shell]);
  },
});
