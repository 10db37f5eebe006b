import { isObject } from "../../qmp/mod.ts";
import { asArray, text } from "../reply.ts";
import { type BlockDevice, blockDevices, nameOf } from "./block_devices.ts";
import { ok, type PreflightCheck, refuse } from "./check.ts";
import type { CommandLine } from "./command_line.ts";
import { fileUnder } from "./image_name.ts";
import type { Inventory } from "./inventory.ts";
import { type NamedNode, namedNodes, withNames } from "./named_nodes.ts";
import { joined, quoted } from "./wording.ts";

/** Names with this mark are made up anew at every start. */
const AUTOMATIC = "#";
/** A command line's way to say that a node has no backing file. */
const NO_NODE = "";

/** A node as the monitor shows it. */
interface LiveNode {
  readonly name: string;
  readonly driver: string | undefined;
  readonly file: string | undefined;
  /** By role; undefined where this QEMU does not tell. */
  readonly children: ReadonlyMap<string, string> | undefined;
}

/**
 * The block graph is the one that -blockdev options make. A node that was put
 * on top at run time would be gone after an exec, and the guest back on what
 * was below it.
 */
export const blockNodes: PreflightCheck = {
  id: "block-nodes",
  async run({ inventory, running }) {
    const named = namedNodes(running);
    const live = await liveNodes(inventory);
    const differences = [
      ...named.flatMap((node) => differencesOf(node, live)),
      ...strangers(running, live),
      ...attached(running, named, await blockDevices(inventory)),
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

async function liveNodes(
  inventory: Inventory,
): Promise<ReadonlyMap<string, LiveNode>> {
  const nodes = new Map<string, LiveNode>();
  for (
    const it of await inventory.list("query-named-block-nodes", { flat: true })
  ) {
    const name = text(it["node-name"]) ?? "";
    const children = it["children"] === undefined ? undefined : new Map(
      asArray(it["children"]).filter(isObject).map((child) => [
        text(child["child"]) ?? "",
        text(child["node-name"]) ?? "",
      ]),
    );
    nodes.set(name, {
      name,
      driver: text(it["drv"]),
      file: fileUnder(text(it["file"]) ?? ""),
      children,
    });
  }
  return nodes;
}

/** How a node of the command line, and what is inside it, has changed. */
function differencesOf(
  node: NamedNode,
  live: ReadonlyMap<string, LiveNode>,
): string[] {
  if (node.name === undefined) return [];
  const it = live.get(node.name);
  return it === undefined
    ? [`Node ${quoted(node.name)} of the command line is gone`]
    : compare(node, it, live);
}

function compare(
  node: NamedNode,
  is: LiveNode,
  live: ReadonlyMap<string, LiveNode>,
): string[] {
  const name = quoted(is.name);
  if (node.driver !== undefined && is.driver !== node.driver) {
    return [`Node ${name} is of driver "${is.driver}", was "${node.driver}"`];
  }
  if (node.filename !== undefined && is.file !== fileUnder(node.filename)) {
    return [
      `Node ${name} is on ${quoted(is.file ?? "")}, but the command line ` +
      `names ${quoted(node.filename)}`,
    ];
  }
  const { children } = is;
  if (children === undefined) return [];
  return [...node.children].flatMap(([role, wanted]) => {
    const child = children.get(role);
    if (typeof wanted !== "string") {
      const inside = live.get(wanted.name ?? child ?? "");
      return inside === undefined || inside.name !== child
        ? [`Node ${name} has another node as its "${role}" than it had`]
        : compare(wanted, inside, live);
    }
    if ((child ?? NO_NODE) === wanted) return [];
    return [
      `Node ${name} has ${quoted(child ?? "no node")} as its "${role}", but ` +
      `the command line names ${quoted(wanted)}`,
    ];
  });
}

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

/** Devices that are on another node than theirs. */
function attached(
  commandLine: CommandLine,
  named: readonly NamedNode[],
  devices: readonly BlockDevice[],
): string[] {
  const names = new Set([...withNames(named)].map(({ name }) => name));
  const wanted = new Map<string, string>();
  const others: string[] = [];
  for (const device of commandLine.values("device", "machine", "global")) {
    const id = device.get("id");
    for (const { key, value } of device.entries) {
      if (!names.has(value) || !isDriveProperty(key)) continue;
      if (id === undefined) others.push(value);
      else wanted.set(id, value);
    }
  }
  const drives = new Set(commandLine.all("drive", "id"));
  const differences: string[] = [];
  for (const it of devices) {
    // A drive and its image are told by disk-images.
    if (it.drive !== undefined || drives.has(it.device ?? "")) continue;
    const node = it.medium?.node;
    const named = wanted.get(it.device ?? "");
    if (named !== undefined) {
      if (node === named) continue;
    } else {
      if (node === undefined) continue;
      const at = others.indexOf(node);
      if (at >= 0) {
        others.splice(at, 1);
        continue;
      }
    }
    differences.push(
      `Device ${quoted(nameOf(it))} is ` + (node === undefined
        ? "empty"
        : `on node ${quoted(node)} (${quoted(it.medium?.file ?? "no file")})`) +
        `, but the command line names ` +
        (named === undefined
          ? "another node or none"
          : `node ${quoted(named)}`),
    );
  }
  return differences;
}

/** Such as "drive" of a disk, "driveA" of a floppy, "pflash0" of a machine. */
function isDriveProperty(key: string): boolean {
  return /^(drive[AB]?|pflash\d)$/.test(key.split(".").at(-1) ?? "");
}
