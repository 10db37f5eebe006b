import { isObject } from "../../../qmp/mod.ts";
import { asArray, text } from "../../vm/reply.ts";
import type { Inventory } from "../inventory.ts";
import { fileUnder } from "./image_name.ts";

/** A node as the monitor shows it. */
export interface LiveNode {
  readonly name: string;
  readonly driver: string | undefined;
  readonly file: string | undefined;
  readonly readOnly: boolean;
  /** By role; undefined where this QEMU does not tell. */
  readonly children: ReadonlyMap<string, string> | undefined;
}

/** Every node, by its name. */
export async function liveNodes(
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
      readOnly: it["ro"] === true,
      children,
    });
  }
  return nodes;
}
