import { buildCommand, type Command, type RouteMap } from "@stricli/core";
import { VERSION } from "../../version.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";

/**
 * `cprctl man`: the manual page.
 *
 * @param routes gives the commands that it describes
 */
export function manCommand(
  routes: () => RouteMap<CliContext>,
): Command<CliContext> {
  return buildCommand<Record<never, never>, [], CliContext>({
    docs: {
      brief: "Print the manual page",
      fullDescription: withExamples(
        "Print cprctl(1) for man: what --help says of every command, as one page.",
        [
          ["cprctl man | man -l -", "read it"],
          ["cprctl man >/usr/local/share/man/man1/cprctl.1", "keep it"],
        ],
      ),
    },
    parameters: {},
    loader: async () => {
      const [{ manPage }, { EXEC_HELP }, { MACHINE_HELP }] = await Promise.all([
        import("../man_page.ts"),
        import("../../cpr/exec_words.ts"),
        import("../../machine/options.ts"),
      ]);
      return function (this: CliContext): void {
        const rawHelp = { exec: EXEC_HELP, machine: MACHINE_HELP };
        this.process.stdout.write(
          manPage({ routes: routes(), version: VERSION, rawHelp }),
        );
      };
    },
  });
}
