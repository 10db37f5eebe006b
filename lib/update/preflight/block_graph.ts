/**
 * The block graph is the one that the -blockdev options create. A node that was
 * put on top at run time would be missing after an exec, and the guest would be
 * back on the node below it.
 *
 * ```
 *   -blockdev driver=qcow2,node-name=disk,file=store,backing.driver=…
 *                      │                   │         └ a nested node
 *                      node "disk"         └ a reference to another node
 * ```
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { Carried } from "../carry/carried.ts";
import type { CommandLine } from "../command/command_line.ts";
import { objectsIn, text } from "../vm/reply.ts";
import {
  type BlockDevice,
  blockDeviceName,
  blockDevices,
  blockNodes,
  fileUnder,
} from "../vm/block_devices.ts";
import { problemCheck, quoted } from "./check.ts";
import type { Inventory } from "../vm/inventory.ts";

export const blockGraph = problemCheck({
  id: "block-nodes",
  ok: "block nodes are those of the command line",
  remedy: "Bring the block graph back to that of the command line " +
    "(block-commit, blockdev-del) or restart the VM with the current one",
  async *find({ carried, inventory, running }) {
    const called = (name: string) => carried.nodes.get(name) ?? name;
    const named = namedNodes(running);
    const live = await liveNodes(inventory, called);
    for (const node of named) yield* changesOfNamed(node, live);
    yield* addedNodes(
      running,
      live,
      sentBy(carried, "blockdev-add", "node-name"),
    );
    const devices = (await blockDevices(inventory)).map((it) => {
      const { medium } = it;
      if (medium === undefined) return it;
      return { ...it, medium: { ...medium, node: called(medium.node) } };
    });
    const sent = new Set(sentBy(carried, "device_add", "id"));
    yield* movedDevices(
      running,
      named,
      devices.filter(({ device }) => !sent.has(device)),
    );
  },
});

/** A node on the command line. */
export interface NamedNode {
  readonly name: string | undefined;
  readonly driver: string | undefined;
  readonly filename: string | undefined;
  /** Undefined if the command line does not say. */
  readonly readOnly: boolean | undefined;
  /** A reference by name, or a nested node. */
  readonly children: ReadonlyMap<string, string | NamedNode>;
}

/** Keys whose value is another node. */
const CHILDREN = [
  ...["file", "backing", "data-file", "image", "test", "blklog", "log"],
];

/** Keys of nodes with any number of children. */
const NUMBERED = /^(children\.\d+)(\.|$)/;

/** The nodes of every -blockdev. */
export function namedNodes(commandLine: CommandLine): NamedNode[] {
  return commandLine.values("blockdev").map((value) => nodeAt(value, ""));
}

/** The names of nodes and of those nested in them. */
export function nodeNames(nodes: readonly NamedNode[]): string[] {
  return nodes.flatMap(({ name, children }) => [
    ...name === undefined ? [] : [name],
    ...nodeNames([...children.values()].filter((it) => typeof it !== "string")),
  ]);
}

function nodeAt(value: OptionValue, prefix: string): NamedNode {
  const children = new Map<string, string | NamedNode>();
  for (const key of [...CHILDREN, ...numberedKeys(value, prefix)]) {
    const reference = value.get(prefix + key);
    const inside = `${prefix}${key}.`;
    if (reference !== undefined) children.set(key, reference);
    else if (value.entries.some(({ key }) => key.startsWith(inside))) {
      children.set(key, nodeAt(value, inside));
    }
  }
  return {
    name: value.get(`${prefix}node-name`),
    driver: value.get(`${prefix}driver`),
    filename: value.get(`${prefix}filename`),
    readOnly: readOnlyAt(value, prefix),
    children,
  };
}

/** Undefined if QEMU may choose. */
function readOnlyAt(value: OptionValue, prefix: string): boolean | undefined {
  const readOnly = value.boolean(`${prefix}read-only`);
  const mayChoose = value.boolean(`${prefix}auto-read-only`) === true;
  return readOnly === false && mayChoose ? undefined : readOnly;
}

function numberedKeys(value: OptionValue, prefix: string): Set<string> {
  const keys = value.entries.filter(({ key }) => key.startsWith(prefix))
    .flatMap(({ key }) => NUMBERED.exec(key.slice(prefix.length))?.[1] ?? []);
  return new Set(keys);
}

/** A node, as the monitor reports it. */
interface LiveNode {
  readonly name: string;
  readonly driver: string | undefined;
  readonly file: string | undefined;
  readonly readOnly: boolean;
  /** By role; undefined if this QEMU does not report them. */
  readonly children: ReadonlyMap<string, string> | undefined;
}

type LiveNodes = ReadonlyMap<string, LiveNode>;

/**
 * Every node of the VM, by its name.
 *
 * @param called the name that the command line gives to one
 */
async function liveNodes(
  inventory: Inventory,
  called: (name: string) => string,
): Promise<LiveNodes> {
  const nodes = (await blockNodes(inventory)).map((node): LiveNode => ({
    name: called(text(node["node-name"]) ?? ""),
    driver: text(node["drv"]),
    file: fileUnder(text(node["file"]) ?? ""),
    readOnly: node["ro"] === true,
    children: node["children"] === undefined ? undefined : new Map(
      objectsIn(node["children"]).map((child) => [
        text(child["child"]) ?? "",
        called(text(child["node-name"]) ?? ""),
      ]),
    ),
  }));
  return new Map(nodes.map((node) => [node.name, node]));
}

/** How a node on the command line, or a node nested in it, has changed. */
function* changesOfNamed(node: NamedNode, nodes: LiveNodes): Iterable<string> {
  if (node.name === undefined) return;
  const live = nodes.get(node.name);
  if (live !== undefined) yield* changesOfNode(node, live, nodes);
  else yield `Node ${quoted(node.name)} of the command line is gone`;
}

function* changesOfNode(
  node: NamedNode,
  live: LiveNode,
  nodes: LiveNodes,
): Iterable<string> {
  const { driver, filename, readOnly } = node;
  const name = quoted(live.name);
  if (driver !== undefined && live.driver !== driver) {
    yield `Node ${name} has driver "${live.driver}", and had "${driver}"`;
  } else if (filename !== undefined && live.file !== fileUnder(filename)) {
    yield `Node ${name} is on ${quoted(live.file)}, but the command line ` +
      `names ${quoted(filename)}`;
  } else if (readOnly !== undefined && live.readOnly !== readOnly) {
    const is = live.readOnly ? "read-only" : "writable";
    yield `Node ${name} is ${is} now, and was not`;
  } else yield* changesOfChildren(node, live, nodes);
}

function* changesOfChildren(
  node: NamedNode,
  { name: liveName, children }: LiveNode,
  nodes: LiveNodes,
): Iterable<string> {
  if (children === undefined) return;
  const name = quoted(liveName);
  for (const [role, wanted] of node.children) {
    const child = children.get(role);
    if (child === undefined && NUMBERED.test(role)) {
      yield `Node ${name} no longer has a "${role}"`;
    } else if (typeof wanted !== "string") {
      const nested = nodes.get(wanted.name ?? child ?? "");
      if (nested?.name === child && nested !== undefined) {
        yield* changesOfNode(wanted, nested, nodes);
      } else yield `Node ${name} has another node as its "${role}" than it had`;
    } else if ((child ?? "") !== wanted) {
      // An empty name on the command line means that there is no node.
      const is = quoted(child ?? "no node");
      yield `Node ${name} has ${is} as its "${role}", but the command line ` +
        `names ${quoted(wanted)}`;
    }
  }
  for (const role of children.keys()) {
    if (!NUMBERED.test(role) || node.children.has(role)) continue;
    yield `Node ${name} has a "${role}" that it did not have`;
  }
}

/** The first character of names that QEMU generates at each start. */
const AUTOMATIC = "#";

/** Nodes whose names are not on the command line. */
function addedNodes(
  commandLine: CommandLine,
  nodes: LiveNodes,
  sent: readonly unknown[],
): string[] {
  const known = new Set([
    ...commandLine.values("blockdev", "drive").flatMap(({ entries }) =>
      entries.filter(({ key }) => /(^|\.)node-name$/.test(key))
        .map(({ value }) => value)
    ),
    ...sent,
  ]);
  return [...nodes.values()]
    .filter(({ name }) => !name.startsWith(AUTOMATIC) && !known.has(name))
    .map(({ name, file = "no file" }) =>
      `Node ${quoted(name)} (${quoted(file)}) was added at run time`
    );
}

/** The names of what commands of one kind add to the new program. */
function sentBy({ commands }: Carried, command: string, key: string) {
  return commands.filter(({ execute }) => execute === command)
    .map(({ arguments: given }): unknown => given[key]);
}

/** Such as "drive" of a disk, "driveA" of a floppy, "pflash0" of a machine. */
const DRIVE_PROPERTY = /^(drive[AB]?|pflash\d)$/;

/** Devices that are on another node than on the command line. */
function* movedDevices(
  commandLine: CommandLine,
  named: readonly NamedNode[],
  devices: readonly BlockDevice[],
): Iterable<string> {
  const nodes = new Set(nodeNames(named));
  const byDevice = new Map<string, string>();
  /** Nodes of devices without an id; each is attached to one device. */
  const anonymous: string[] = [];
  for (const option of commandLine.values("device", "machine", "global")) {
    const id = option.get("id");
    for (const { key, value } of option.entries) {
      const property = key.split(".").at(-1) ?? "";
      if (!nodes.has(value) || !DRIVE_PROPERTY.test(property)) continue;
      if (id === undefined) anonymous.push(value);
      else byDevice.set(id, value);
    }
  }
  const drives = new Set(commandLine.all("drive", "id"));
  for (const it of devices) {
    const { drive, device = "", medium } = it;
    // The check "disk-images" reports on a drive and its image.
    if (drive !== undefined || drives.has(device)) continue;
    const node = byDevice.get(device);
    if (medium?.node === node) continue;
    const at = node === undefined ? anonymous.indexOf(medium?.node ?? "") : -1;
    if (at >= 0) anonymous.splice(at, 1);
    else yield changeOfDevice(it, node);
  }
}

function changeOfDevice(device: BlockDevice, node: string | undefined): string {
  const { medium } = device;
  const is = medium === undefined
    ? "empty"
    : `on node ${quoted(medium.node)} (${quoted(medium.file ?? "no file")})`;
  const was = node === undefined
    ? "another node or none"
    : `node ${quoted(node)}`;
  const name = quoted(blockDeviceName(device));
  return `Device ${name} is ${is}, but the command line names ${was}`;
}
