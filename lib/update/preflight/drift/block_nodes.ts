import type { CommandLine } from "../../command/command_line.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { movedDevices } from "./attached_nodes.ts";
import { blockDevices } from "./block_devices.ts";
import { type LiveNode, liveNodes } from "./live_nodes.ts";
import { namedNodes, withNames } from "./named_nodes.ts";
import { differencesOf } from "./node_differences.ts";

/** Names with this mark are made up anew at every start. */
const AUTOMATIC = "#";

/**
 * The block graph is the one that -blockdev options make. A node that was put
 * on top at run time would be gone after an exec, and the guest back on what
 * was below it.
 */
export const blockNodes: PreflightCheck = {
  id: "block-nodes",
  async run({ inventory, running }) {
    const named = namedNodes(running);
    const names = new Set([...withNames(named)].map(({ name }) => name));
    const live = await liveNodes(inventory);
    const differences = [
      ...named.flatMap((node) => differencesOf(node, live)),
      ...strangers(running, live),
      ...movedDevices(running, names, await blockDevices(inventory)),
    ];
    return differences.length === 0
      ? ok("block nodes are those of the command line")
      : refuse(
        joined(differences),
        "Bring the block graph back to that of the command line " +
          "(block-commit, blockdev-del) or restart the VM with the present one",
      );
  },
};

/** Nodes that somebody named, but not the command line. */
function strangers(
  commandLine: CommandLine,
  live: ReadonlyMap<string, LiveNode>,
): string[] {
  const known = new Set<string>();
  for (const option of commandLine.values("blockdev", "drive")) {
    for (const { key, value } of option.entries) {
      if (key === "node-name" || key.endsWith(".node-name")) known.add(value);
    }
  }
  return [...live.values()]
    .filter(({ name }) => !name.startsWith(AUTOMATIC) && !known.has(name))
    .map(({ name, file }) =>
      `Node ${quoted(name)} (${
        quoted(file ?? "no file")
      }) was added at run time`
    );
}
