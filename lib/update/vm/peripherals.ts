import type { Executor } from "../../qmp/mod.ts";
import { ifKnown, objectsIn, text } from "./reply.ts";

/** The QOM containers of devices from -device and device_add. */
const FOLDERS = ["/machine/peripheral", "/machine/peripheral-anon"];

/**
 * The QOM paths of a VM's devices whose type matches.
 *
 * @param pattern matches a property's type, such as "child<tpm-crb>"
 */
export async function peripherals(
  client: Executor,
  pattern: RegExp,
): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of FOLDERS) {
    paths.push(...await childrenOf(client, folder, "type", pattern));
  }
  return paths;
}

/**
 * The QOM paths of an object's children whose name, or type, matches; none if
 * the program has no such object.
 */
export async function childrenOf(
  client: Executor,
  path: string,
  by: "name" | "type",
  pattern: RegExp,
): Promise<string[]> {
  return objectsIn(await ifKnown(client.execute("qom-list", { path })))
    .filter((property) => pattern.test(text(property[by]) ?? ""))
    .map(({ name }) => `${path}/${name}`);
}
