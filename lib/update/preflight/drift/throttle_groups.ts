import type { OptionValue } from "../../../cmdline/mod.ts";
import type { CommandLine } from "../../command/command_line.ts";
import { asObject } from "../../vm/reply.ts";
import type { Inventory } from "../inventory.ts";
import { quoted } from "../wording.ts";

const GROUP = "throttle-group";
/** In seconds; every other limit is none unless it is given. */
const LENGTH = /-max-length$/;

/** How the limits of -object throttle-group were changed by qom-set. */
export async function changedGroups(
  inventory: Inventory,
  commandLine: CommandLine,
): Promise<string[]> {
  const present = new Set(
    (await inventory.children("/objects")).map(({ name }) => name),
  );
  const changes: string[] = [];
  for (const group of commandLine.values("object")) {
    const id = group.get("id") ?? "";
    if (group.get("qom-type") !== GROUP || !present.has(id)) continue;
    const limits = asObject(
      await inventory.property(`/objects/${id}`, "limits"),
    );
    for (const [name, is] of Object.entries(limits)) {
      const was = limitOf(group, name);
      if (Number(is) === was) continue;
      changes.push(`${name} of ${quoted(id)} is ${is}, was ${was}`);
    }
  }
  return changes;
}

/** Given by text under a name of its own, and in JSON all together. */
function limitOf(group: OptionValue, name: string): number {
  return group.integer(`x-${name}`) ?? group.integer(`limits.${name}`) ??
    (LENGTH.test(name) ? 1 : 0);
}
