import { type CheckContext, ok, type PreflightCheck, refuse } from "./check.ts";
import { listed } from "./wording.ts";

/** Names with this mark belong to -nic and -net, which name nothing. */
const AUTOMATIC = "#";

/** A line of "info network": the last name before the index, and the type. */
const NETDEV = /([^\s:\\]+): index=\d+,type=([\w-]+)/;

/**
 * The network back ends are those of the command line. No QMP query lists
 * them; the human monitor does.
 */
export const netdevs: PreflightCheck = {
  id: "netdevs",
  async run(context) {
    const added = await addedNetdevs(context);
    return added.length === 0
      ? ok("network back ends are those of the command line")
      : refuse(
        `Network back ends were made at run time and would be lost: ${
          listed(added)
        }`,
        "Remove them (netdev_del), or restart the VM with them on its " +
          "command line",
      );
  },
};

async function addedNetdevs(
  { inventory, running }: CheckContext,
): Promise<string[]> {
  const known = new Set(
    ["netdev", "nic", "net"].flatMap((option) => [
      ...running.all(option, "id"),
      ...running.all(option, "name"),
    ]),
  );
  const added: string[] = [];
  for (const line of await inventory.human("info network")) {
    const [, name, type] = NETDEV.exec(line) ?? [];
    if (name === undefined || type === "nic") continue;
    if (!name.startsWith(AUTOMATIC) && !known.has(name)) added.push(name);
  }
  return added;
}
