/** The migration settings of a QEMU, which an update changes and gives back. */

import { isObject, type Json } from "../../../lib/qmp/mod.ts";
import type { VirtualMachine } from "../../../testing/qemu/mod.ts";

/** Migration parameters and capabilities, by name. */
export async function migrationSettings(
  vm: VirtualMachine,
): Promise<Record<string, Json>> {
  await using qmp = await vm.monitor();
  const parameters = await qmp.execute("query-migrate-parameters");
  const capabilities = await qmp.execute("query-migrate-capabilities");
  const settings: Record<string, Json> = {};
  if (isObject(parameters)) {
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) settings[name] = value;
    }
  }
  if (Array.isArray(capabilities)) {
    for (const it of capabilities) {
      if (isObject(it)) {
        settings[String(it["capability"])] = it["state"] ?? null;
      }
    }
  }
  return settings;
}
