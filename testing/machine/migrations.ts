/** Migrations that a test starts over QMP. */

import {
  type EventWatch,
  isObject,
  type Json,
  type QmpClient,
  type QmpEvent,
} from "../../lib/qmp/mod.ts";
import { DEADLINE_MS } from "./deadline.ts";

/** Switches capabilities on. */
export async function enable(
  qmp: QmpClient,
  ...names: readonly string[]
): Promise<void> {
  await qmp.execute("migrate-set-capabilities", {
    capabilities: names.map((capability) => ({ capability, state: true })),
  });
}

/** Sets mode cpr-exec and the command. */
export async function prepareExec(
  qmp: QmpClient,
  command: readonly string[],
): Promise<void> {
  await qmp.execute("migrate-set-parameters", {
    mode: "cpr-exec",
    "cpr-exec-command": [...command],
  });
}

/** Waits for a MIGRATION event; capability "events" must be on. */
export async function reached(
  watch: EventWatch,
  status: string,
): Promise<QmpEvent> {
  return await watch.next(
    ({ name, data }) => name === "MIGRATION" && data["status"] === status,
    { timeoutMs: DEADLINE_MS },
  );
}

/** Names of the events so far; of MIGRATION events the status. */
export function story(watch: EventWatch): string[] {
  return watch.seen.map(({ name, data }) =>
    name === "MIGRATION" ? String(data["status"]) : name
  );
}

/** A member of an object that a command returned. */
export async function ask(
  qmp: QmpClient,
  command: string,
  member: string,
): Promise<Json | undefined> {
  const reply = await qmp.execute(command);
  return isObject(reply) ? reply[member] : undefined;
}

/** The run state. */
export function runState(qmp: QmpClient): Promise<Json | undefined> {
  return ask(qmp, "query-status", "status");
}
