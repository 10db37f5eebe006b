/** What a monitor says of the machine. */

import { isObject, type QmpClient } from "../../lib/qmp/mod.ts";

/** The run state, such as "running", "paused" or "inmigrate". */
export async function runStateOf(qmp: QmpClient): Promise<string> {
  const reply = await qmp.execute("query-status");
  if (!isObject(reply) || typeof reply["status"] !== "string") {
    throw new Error("Cannot read the reply to query-status");
  }
  return reply["status"];
}

/** The exact machine type behind an alias: "q35" may be "pc-q35-11.1". */
export async function machineTypeOf(qmp: QmpClient): Promise<string> {
  const type = await qmp.execute("qom-get", {
    path: "/machine",
    property: "type",
  });
  if (typeof type !== "string") {
    throw new Error("Cannot read the type of the machine");
  }
  return type.replace(/-machine$/, "");
}
