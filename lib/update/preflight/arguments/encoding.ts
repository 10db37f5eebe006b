import { ok, type PreflightCheck, refuse, warn } from "../check.ts";
import { readWhole } from "../../../bounded_file.ts";
import { MAXIMUM_WORDS } from "../../process/proc.ts";

/** The monitor takes nothing but UTF-8: other bytes cannot be handed on. */
export const encoding: PreflightCheck = {
  id: "encoding",
  async run({ facts: { pid } }) {
    const [argv, variables, root] = await Promise.all([
      readWhole(`/proc/${pid}/cmdline`, MAXIMUM_WORDS),
      readWhole(`/proc/${pid}/environ`, MAXIMUM_WORDS),
      Deno.readLink(`/proc/${pid}/root`),
    ]);
    const [word] = badWords(argv);
    if (word !== undefined) {
      return refuse(
        `The command line has bytes that are not UTF-8, in "${word}"`,
        "Restart the VM with names in UTF-8",
      );
    }
    if (root.includes(REPLACED)) {
      return refuse(
        `The VM's root directory has a name that is not UTF-8: "${root}"`,
        "Restart the VM in a directory whose name is UTF-8",
      );
    }
    const [variable] = badWords(variables);
    return variable === undefined ? ok("all words are UTF-8") : warn(
      "A VM that had to be put back would find other bytes in its " +
        `environment, in "${variable}"`,
      "Restart the VM without that variable if its program needs it",
    );
  },
};

/** What stands for bytes that are not UTF-8. */
const REPLACED = "\ufffd";

/** The words, each ended by a NUL, that are not UTF-8. */
function badWords(bytes: Uint8Array): string[] {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return [];
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new TextDecoder().decode(bytes).split("\0")
      .filter((word) => word.includes(REPLACED));
  }
}
