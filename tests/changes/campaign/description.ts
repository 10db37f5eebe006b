/**
 * What a VM has, as QEMU reports it, in words that stay the same over a start
 * of QEMU. It shares nothing with the fingerprint that cprctl takes.
 */

import {
  isObject,
  type Json,
  type JsonObject,
  type QmpClient,
} from "../../../lib/qmp/mod.ts";
import type { VirtualMachine } from "../../../testing/qemu/mod.ts";

const QUERIES: readonly string[] = [
  ...["query-block", "query-chardev", "query-iothreads", "query-memdev"],
  ...["query-memory-devices", "query-hotpluggable-cpus", "query-cpus-fast"],
  ...["query-pci", "query-block-exports", "query-jobs"],
  ...["query-migrate-parameters", "query-migrate-capabilities"],
  ...["query-balloon", "query-fdsets", "query-vnc-servers"],
];

/** In the QOM tree: all that is in them is described. */
const FOLDERS = [
  ...["/machine/peripheral", "/machine/peripheral-anon"],
  ...["/objects", "/chardevs"],
];

/** Different at each start, or of what was plugged in: it was not, later. */
const LEFT_OUT = new Set([
  ...["thread-id", "hotplugged", "legacy-hotplugged", "actual-size", "port"],
  // An image has its bitmaps once it was closed; versions differ in the last.
  ...["last-update", "format-specific", "x-migrate-error-code"],
]);

/** Of a file below an image: it grows. */
const SIZE = "virtual-size";

/** Names and numbers that are made up at each start. */
const MADE_UP: readonly (readonly [RegExp, string])[] = [
  [/#([a-z]+)\d+/g, "#$1"],
  [/cprctl-node-[\w.-]+/g, "#block"],
  [/device\[\d+\]/g, "device[]"],
  [/index=\d+,/g, ""],
];

/** Lines of what a VM has: each names where it is. */
export async function describe(vm: VirtualMachine): Promise<string[]> {
  await using qmp = await vm.monitor();
  const lines: string[] = [];
  for (const query of QUERIES) {
    lines.push(...linesOf(query, await qmp.execute(query)));
  }
  const flat = { flat: true };
  const nodes = await qmp.execute("query-named-block-nodes", flat);
  lines.push(...linesOf("node", nodes));
  for (const folder of FOLDERS) lines.push(...await objectsIn(qmp, folder));
  for (const line of ["info qtree", "info network", "info usb"]) {
    const said = await qmp.execute("human-monitor-command", {
      "command-line": line,
    });
    lines.push(...humanLines(line, String(said)));
  }
  return lines.map(lasting).sort();
}

/** Without ports that were chosen by default, and hubs that have no port. */
function humanLines(name: string, said: string): string[] {
  return said.split(/\r?\n/).filter((line) =>
    !/^ *port = |^hub \d+$/.test(line)
  )
    .map((line) => `${name}: ${line}`);
}

/** The properties of all objects in a folder. */
async function objectsIn(qmp: QmpClient, folder: string): Promise<string[]> {
  const children = (await listOf(qmp, "qom-list", { path: folder }))
    .filter(({ type }) => String(type).startsWith("child<"));
  if (children.length === 0) return [];
  const paths = children.map(({ name }) => `${folder}/${name}`);
  const objects = await listOf(qmp, "qom-list-get", { paths });
  return objects.flatMap(({ properties }, at) =>
    (Array.isArray(properties) ? properties : []).filter(isObject)
      .filter(({ name, type }) =>
        !String(type).startsWith("child<") && !LEFT_OUT.has(String(name))
      )
      .flatMap(({ name, value }) =>
        linesOf(`${paths[at]} ${name}`, value ?? "cannot be read")
      )
  );
}

async function listOf(
  qmp: QmpClient,
  query: string,
  given: JsonObject,
): Promise<JsonObject[]> {
  const list = await qmp.execute(query, given);
  return (Array.isArray(list) ? list : []).filter(isObject);
}

/** One line for each value in a reply; elements of a list have no order. */
function linesOf(path: string, value: Json): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((element) =>
      linesOf(`${path}[${nameOf(element)}]`, element)
    );
  }
  if (!isObject(value)) return [`${path} = ${value}`];
  const isFile = value["format"] === "file";
  return Object.entries(value)
    .filter(([key]) => !LEFT_OUT.has(key) && !(isFile && key === SIZE))
    .flatMap(([key, inner]) => linesOf(`${path}.${key}`, inner));
}

function nameOf(element: Json): string {
  if (!isObject(element)) return "";
  const keys = ["id", "label", "capability", "device", "qdev", "node-name"];
  const name = keys.map((key) => element[key]).find((it) => it);
  return typeof name === "string" ? name : "";
}

function lasting(line: string): string {
  return MADE_UP.reduce((now, [from, to]) => now.replaceAll(from, to), line);
}
