import { ok, type PreflightCheck, refuse } from "./check.ts";
import type { CommandLine } from "./command_line.ts";
import type { Inventory } from "./inventory.ts";
import { joined, quoted } from "./wording.ts";

/** Names with this mark belong to -nic and -net, which name nothing. */
const AUTOMATIC = "#";

/** Ports that -net makes, and what no port is. */
const IMPLIED = /^(hub\d+port\d+|hub \d+|)$/;

/**
 * The network back ends are those of the command line. No QMP query lists
 * them; the human monitor does.
 */
export const netdevs: PreflightCheck = {
  id: "netdevs",
  async run({ inventory, running }) {
    const live = await liveNetdevs(inventory);
    const named = running.all("netdev", "id");
    const known = new Set([...named, ...namedOtherwise(running)]);
    const added = live.filter((name) =>
      !name.startsWith(AUTOMATIC) && !known.has(name)
    );
    const gone = named.filter((name) => !live.includes(name));
    const problems = [
      ...added.map((name) => `${quoted(name)} was made at run time`),
      ...gone.map((name) => `${quoted(name)} was removed at run time`),
    ];
    return problems.length === 0
      ? ok("network back ends are those of the command line")
      : refuse(
        `Network back ends are others than on the command line: ${
          joined(problems)
        }`,
        "Undo it (netdev_del, netdev_add), or restart the VM with the " +
          "present ones on its command line",
      );
  },
};

/** Names that -nic and the old -net give, which also make devices. */
function namedOtherwise(commandLine: CommandLine): string[] {
  return ["nic", "net"].flatMap((option) => [
    ...commandLine.all(option, "id"),
    ...commandLine.all(option, "name"),
  ]);
}

async function liveNetdevs(inventory: Inventory): Promise<string[]> {
  return (await inventory.human("info network")).flatMap(namesIn);
}

/**
 * The back ends in a line of "info network": a port of a hub stands before its
 * peer, or alone, and a device before its own line's index, as any other.
 *
 * ```
 * nic0: index=0,type=nic,…
 *  \ net0: index=0,type=user,…
 *  \ port1: net1: index=0,type=user,…
 *  \ port2
 * ```
 */
function namesIn(line: string): string[] {
  const [chain = "", facts = ""] = line.split(": index=");
  const names = chain.replace(/^ \\ /, "").split(": ");
  if (/^\d+,type=nic,/.test(facts)) names.pop();
  return names.filter((name) => !IMPLIED.test(name));
}
