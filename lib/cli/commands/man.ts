import { RELEASED, VERSION } from "../../version.ts";
import { command } from "../command.ts";

/** `cprctl man`: the manual page. */
export const manCommand = command({
  name: "man",
  brief: "Print the manual page",
  description:
    "Print the manual page cprctl(1), which has the --help of every " +
    "command in one place.",
  options: {},
  operands: [],
  examples: [
    ["cprctl man | man -l -", "read it"],
    ["cprctl man >/usr/local/share/man/man1/cprctl.1", "install it"],
  ],
  async run({ process, program }) {
    const { manPage } = await import("../man_page.ts");
    process.stdout.write(await manPage(program, VERSION, RELEASED));
  },
});
