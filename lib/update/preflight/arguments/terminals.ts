import { terminalLinks } from "../../command/character_device.ts";
import type { ProcessFiles } from "../../process/files.ts";
import { terminalsIn } from "../../vm/terminals.ts";
import { ok, type PreflightCheck, refuse, warn } from "../check.ts";
import { quoted } from "../wording.ts";

/**
 * The VM's pseudo-terminals can be opened again, and those of programs before
 * it are few.
 */
export const terminals: PreflightCheck = {
  id: "terminals",
  async run({ inventory, files, next }) {
    const [link] = terminalLinks(next);
    if (link !== undefined) {
      return refuse(
        `${quoted(link)} is a link to a terminal, which QEMU makes at its ` +
          "start and only where nothing is: a program that was killed leaves " +
          "it there, so that the VM could not be put back",
        "Restart the VM without path= at its pty character device",
      );
    }
    const used = terminalsIn(await inventory.list("query-chardev"));
    const left = await leftOpen(
      files,
      new Set(used.map(({ path }) => Number(path.split("/").at(-1)))),
    );
    if (left > 0) {
      return warn(
        "Programs before left pseudo-terminals open in the process, which no " +
          `device uses: ${left}`,
        "Leave it, or restart the VM when it suits you: they end with the " +
          "process",
      );
    }
    return ok(
      used.length === 0
        ? "no character device is a pseudo-terminal"
        : "no terminal is open that no device uses",
    );
  },
};

/** How many terminals are open but for these. */
async function leftOpen(
  files: ProcessFiles,
  used: ReadonlySet<number>,
): Promise<number> {
  let count = 0;
  for (const [number, { link }] of await files.open()) {
    if (!link.endsWith("/ptmx")) continue;
    const index = await files.terminalIndex(number);
    if (index !== undefined && !used.has(index)) count++;
  }
  return count;
}
