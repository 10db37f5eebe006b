import { buildChoiceParser, buildCommand } from "@stricli/core";
import { SCRIPTS, type Shell, SHELLS } from "../completion_scripts.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";

/** `cprctl completions`: what makes a shell complete the words of cprctl. */
export const completionsCommand = buildCommand<
  Record<never, never>,
  [shell: Shell],
  CliContext
>({
  docs: {
    brief: "Print what makes a shell complete cprctl's words",
    fullDescription: withExamples(
      "Print a script for bash, zsh or fish. The shell then asks cprctl for commands,\n" +
        "options, and the sockets and names of this host's VMs.",
      [
        [". <(cprctl completions bash)", "in this shell"],
        ["cprctl completions zsh >~/.zfunc/_cprctl", "in every zsh"],
        [
          "cprctl completions fish >~/.config/fish/completions/cprctl.fish",
          "in every fish",
        ],
      ],
    ),
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{
        parse: buildChoiceParser(SHELLS),
        proposeCompletions: () => SHELLS,
        brief: SHELLS.join(", "),
        placeholder: "shell",
      }],
    },
  },
  func(_flags, shell) {
    this.process.stdout.write(SCRIPTS[shell]);
  },
});
