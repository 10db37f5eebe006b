import { QmpCommandError } from "../../../qmp/mod.ts";
import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import type { Inventory } from "../inventory.ts";
import { joined, quoted } from "../wording.ts";

/** Made for other options; they come back by themselves. */
const IMPLIED = /^monitor-/;

/** Objects such as iothreads and secrets are those of the command line. */
export const objects: PreflightCheck = {
  id: "objects",
  async run({ inventory, running }) {
    const known = new Set(running.all("object", "id"));
    const main = await mainMemory(inventory);
    if (main !== undefined) known.add(main);
    const added = (await inventory.children("/objects"))
      .filter(({ name, type }) => !known.has(name) && !IMPLIED.test(type))
      .map(({ name, type }) => `${quoted(name)} (${type})`);
    return added.length === 0
      ? ok("objects are those of the command line")
      : refuse(
        `Objects were made at run time and would be lost: ${joined(added)}`,
        "Remove them (object-del), or restart the VM with them on its " +
          "command line",
      );
  },
};

/** The backend that a machine makes for itself where none is named. */
async function mainMemory(inventory: Inventory): Promise<string | undefined> {
  try {
    const path = await inventory.property("/machine", "memory-backend");
    return text(path)?.split("/").at(-1);
  } catch (error) {
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}
