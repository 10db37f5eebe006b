import { jsonText } from "../../inert.ts";
import { VERSION } from "../../version.ts";
import { command } from "../command.ts";
import { JSON_OPTION } from "../options/shared.ts";

/** `cprctl version`: which cprctl this is. */
export const versionCommand = command({
  name: "version",
  brief: "Print the version",
  description:
    "Print the version. With --json, also print the commit, the form " +
    "of the program (source, compiled or portable), and the version of Deno.",
  options: {
    json: JSON_OPTION,
    licences: { brief: "Print the licences of everything in this program" },
  },
  operands: [],
  examples: [
    ["cprctl version", "the version"],
    ["cprctl version --json", "all that a bug report needs"],
    ["cprctl version --licences", "copyright and licences"],
  ],
  async run({ process }, options) {
    if (options.licences) {
      const { licences } = await import("../licences.ts");
      process.stdout.write(await licences());
    } else if (options.json) {
      const { versionInfo } = await import("../version_info.ts");
      process.stdout.write(jsonText(await versionInfo()));
    } else {
      process.stdout.write(`cprctl ${VERSION}\n`);
    }
  },
});
