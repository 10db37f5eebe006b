/**
 * The block nodes that a command line makes, with what is below them.
 *
 * ```
 *   -blockdev driver=qcow2,node-name=disk,file=store,backing.driver=…
 *                      │                   │         └ a node inside: a part
 *                      node "disk"         └ another node: a reference
 * ```
 *
 * @module
 */

import type { OptionValue } from "../../../cmdline/mod.ts";
import type { CommandLine } from "../../command/command_line.ts";

/** Keys under which a node has another node. */
const CHILDREN = [
  "file",
  "backing",
  "data-file",
  "image",
  "test",
  "blklog",
  "log",
];

/** Keys of nodes that have any number of others. */
const NUMBERED = /^(children\.\d+)(\.|$)/;

/** A node as the command line names it. */
export interface NamedNode {
  readonly name: string | undefined;
  readonly driver: string | undefined;
  readonly filename: string | undefined;
  /** Undefined where it is not said. */
  readonly readOnly: boolean | undefined;
  /** A reference by name, or a node inside. */
  readonly children: ReadonlyMap<string, string | NamedNode>;
}

/** The nodes of every -blockdev. */
export function namedNodes(commandLine: CommandLine): NamedNode[] {
  return commandLine.values("blockdev").map((value) => nodeAt(value, ""));
}

/** Every node that has a name, parts of others included. */
export function* withNames(
  nodes: Iterable<NamedNode>,
): Generator<NamedNode & { readonly name: string }> {
  for (const node of nodes) {
    const { name } = node;
    if (name !== undefined) yield { ...node, name };
    const inside = [...node.children.values()]
      .filter((child) => typeof child !== "string");
    yield* withNames(inside);
  }
}

function nodeAt(value: OptionValue, prefix: string): NamedNode {
  const children = new Map<string, string | NamedNode>();
  for (const key of [...CHILDREN, ...numberedAt(value, prefix)]) {
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

/** Whether a child is one of any number. */
export function isNumbered(role: string): boolean {
  return NUMBERED.test(role);
}

/** Undefined where QEMU may choose. */
function readOnlyAt(value: OptionValue, prefix: string): boolean | undefined {
  const readOnly = value.boolean(`${prefix}read-only`);
  const mayChoose = value.boolean(`${prefix}auto-read-only`) === true;
  return readOnly === false && mayChoose ? undefined : readOnly;
}

function numberedAt(value: OptionValue, prefix: string): Set<string> {
  const keys = new Set<string>();
  for (const { key } of value.entries) {
    if (!key.startsWith(prefix)) continue;
    const [, child] = NUMBERED.exec(key.slice(prefix.length)) ?? [];
    if (child !== undefined) keys.add(child);
  }
  return keys;
}
