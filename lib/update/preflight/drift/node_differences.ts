import { quoted } from "../wording.ts";
import { fileUnder } from "./image_name.ts";
import type { LiveNode } from "./live_nodes.ts";
import { isNumbered, type NamedNode } from "./named_nodes.ts";

/** A command line's way to say that a node has no backing file. */
const NO_NODE = "";

/** How a node of the command line, and what is inside it, has changed. */
export function differencesOf(
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
  if (node.readOnly !== undefined && is.readOnly !== node.readOnly) {
    return [
      `Node ${name} is ${is.readOnly ? "read-only" : "writable"} by now, ` +
      "and was not",
    ];
  }
  return childDifferences(node, is, live);
}

function childDifferences(
  node: NamedNode,
  is: LiveNode,
  live: ReadonlyMap<string, LiveNode>,
): string[] {
  const { children } = is;
  if (children === undefined) return [];
  const name = quoted(is.name);
  const added = [...children.keys()]
    .filter((role) => isNumbered(role) && !node.children.has(role))
    .map((role) => `Node ${name} has a "${role}" that it had not`);
  return [...node.children].flatMap(([role, wanted]) => {
    const child = children.get(role);
    if (child === undefined && isNumbered(role)) {
      return [`Node ${name} has no "${role}" any more`];
    }
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
  }).concat(added);
}
