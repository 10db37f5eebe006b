/**
 * The block graph by names that stay the same. QEMU makes up names such as
 * "#block123" at each start; such a node is called after the drive or the node
 * above it:
 *
 * ```
 *   drive "disk" ──▶ #block123  = disk
 *                      ├─ file     ──▶ #block077 = disk.file
 *                      └─ backing  ──▶ "base"    = base
 * ```
 *
 * @module
 */

import type { Json, JsonObject } from "../../qmp/mod.ts";
import { GIVEN_NODE } from "../vm/block_devices.ts";
import { asObject, objectsIn, text } from "../vm/reply.ts";
import { comparedOfDrive, comparedOfNode } from "./settings.ts";
import { lasting, LastingNames } from "./lasting.ts";
import { objectsOf, type View } from "./view.ts";

/** Whether QEMU made a name up, or cprctl did in its place. */
function isAutomatic(name: string): boolean {
  return name.startsWith("#") || name.startsWith(GIVEN_NODE);
}

/** Drives, each with its device, medium and limits. */
export const drives: View = {
  kind: "Drive",
  from: ["drives", "nodes"],
  of: ({ drives, nodes }) => {
    const names = namesOf(drives, nodes);
    return objectsOf(
      objectsIn(drives).map((drive) => [
        driveName(drive),
        lasting({
          ...comparedOfDrive(drive),
          "qdev": drive["qdev"] ?? null,
          "removable": drive["removable"] ?? null,
          "node-name": names.get(rootOf(drive)) ?? null,
        }),
      ]),
    );
  },
};

/** Block nodes. What no drive and no name leads to is not the guest's. */
export const blockNodes: View = {
  kind: "Block node",
  from: ["nodes", "drives"],
  of: ({ drives, nodes }) => {
    const names = namesOf(drives, nodes);
    return objectsOf(
      objectsIn(nodes).flatMap((node): [string, Json][] => {
        const name = names.get(text(node["node-name"]) ?? "");
        return name === undefined ? [] : [[name, nodeOf(node, names)]];
      }),
    );
  },
};

function nodeOf(node: JsonObject, names: ReadonlyMap<string, string>): Json {
  const children = childrenOf(node).map(({ role, name }) => [
    role,
    names.get(name) ?? null,
  ]);
  const { "node-name": _, ...compared } = comparedOfNode(node);
  return lasting({
    ...compared,
    "children": Object.fromEntries(children),
    // Only those that are stored survive; the checks say so.
    "dirty-bitmaps": [],
  });
}

function driveName(drive: JsonObject): string {
  const name = text(drive["device"]) || (drive["qdev"] ?? null);
  return String(lasting(name));
}

/** The name of the node that a drive shows to the guest. */
function rootOf(drive: JsonObject): string {
  return text(asObject(drive["inserted"])["node-name"]) ?? "";
}

function childrenOf(node: JsonObject) {
  return objectsIn(node["children"]).map((child) => ({
    role: text(child["child"]) ?? "",
    name: text(child["node-name"]) ?? "",
  }));
}

/** The lasting name of each node, by its name now. */
function namesOf(
  drives: Json | undefined,
  nodes: Json | undefined,
): ReadonlyMap<string, string> {
  const byName = new Map(
    objectsIn(nodes).map((node) => [text(node["node-name"]) ?? "", node]),
  );
  const names = new Map<string, string>();
  const given = new LastingNames();
  const queue: string[] = [];
  const give = (node: string, name: string) => {
    if (names.has(node) || !byName.has(node)) return;
    names.set(node, isAutomatic(node) ? given.give(name) : node);
    queue.push(node);
  };
  for (const drive of objectsIn(drives)) give(rootOf(drive), driveName(drive));
  for (const node of byName.keys()) {
    if (!isAutomatic(node)) give(node, node);
  }
  // Grows while it is read: each node gives names to those below it.
  for (const parent of queue) {
    for (const { role, name } of childrenOf(byName.get(parent) ?? {})) {
      give(name, `${names.get(parent)}.${role}`);
    }
  }
  return names;
}
