import type { Executor } from "../../qmp/mod.ts";
import { asArray, asObject, text } from "./reply.ts";

/** Where QEMU has what -device and device_add made, with an id or without. */
const FOLDERS = ["/machine/peripheral", "/machine/peripheral-anon"];

/**
 * The QOM paths of a VM's devices whose type is such.
 *
 * @param such of a property's type, as in "child<tpm-crb>"
 * @throws {QmpCommandError} by a program that has no such folder
 */
export async function peripherals(
  client: Executor,
  such: RegExp,
): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of FOLDERS) {
    paths.push(...await childrenOf(client, folder, "type", such));
  }
  return paths;
}

/** The QOM paths of an object's children whose name, or type, is such. */
export async function childrenOf(
  client: Executor,
  path: string,
  by: "name" | "type",
  such: RegExp,
): Promise<string[]> {
  return asArray(await client.execute("qom-list", { path })).flatMap((it) => {
    const property = asObject(it);
    return such.test(text(property[by]) ?? "")
      ? [`${path}/${property["name"]}`]
      : [];
  });
}
