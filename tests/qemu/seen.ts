/** A VM as a person sees it through its monitor. */

import { isObject, type Json, type JsonObject } from "../../lib/qmp/mod.ts";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";

/** The names that QEMU makes differ at each start. */
const MADE = new Set(["node-name", "children", "qdev", "cache", "hotplugged"]);
/** What is not known before, and is given afterwards. */
const GIVEN = new Set(["port"]);

function withoutMade(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutMade);
  if (!isObject(value)) return typeof value === "bigint" ? `${value}` : value;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !MADE.has(key))
      .map(([key, inner]) => [key, withoutMade(inner)]),
  );
}

/** What a person can see of what was changed. */
export async function seen(
  vm: VirtualMachine,
  devices: readonly string[] = [],
  objects: readonly string[] = [],
) {
  await using qmp = await vm.monitor();
  const properties: Record<string, Json> = {};
  const paths = [
    ...devices.map((id) => [id, `/machine/peripheral/${id}`] as const),
    ...objects.map((id) => [id, `/objects/${id}`] as const),
  ];
  for (const [id, path] of paths) {
    const list = await qmp.execute("qom-list", { path });
    for (const property of Array.isArray(list) ? list : []) {
      const { name, type } = property as { name: string; type: string };
      if (type.startsWith("child<") || MADE.has(name) || GIVEN.has(name)) {
        continue;
      }
      properties[`${id}.${name}`] = withoutMade(
        await qmp.execute("qom-get", { path, property: name }),
      );
    }
  }
  const human = (line: string) =>
    qmp.execute("human-monitor-command", { "command-line": line });
  const asked = async (command: string) =>
    withoutMade(await qmp.execute(command));
  return {
    properties,
    usb: String(await human("info usb")).split("\n").toSorted(),
    // A descriptor that was passed in gets another number.
    network: String(await human("info network")).replace(/fd=\d+/g, "fd"),
    drives: await asked("query-block"),
    memory: await asked("query-memory-devices"),
    iothreads: (await asked("query-iothreads") as JsonObject[])
      .map((it) => ({ ...it, "thread-id": 0 })),
    cpus: (await asked("query-cpus-fast") as JsonObject[])
      .map((it) => ({ ...it, "thread-id": 0 })),
  };
}
