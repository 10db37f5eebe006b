import type { EventWatch, Executor, QmpEvent } from "../../qmp/mod.ts";
import { queryMigrate } from "../../qmp/queries.ts";
import { text } from "./reply.ts";

/** Waits until a migration reaches one of these statuses. */
export async function nextStatus(
  watch: EventWatch,
  statuses: readonly string[],
  patience: { timeoutMs: number },
): Promise<string> {
  const event = await watch.next(
    (event) => statuses.includes(statusOf(event) ?? ""),
    patience,
  );
  return statusOf(event) ?? "";
}

/** The status in a MIGRATION event; undefined for other events. */
export function statusOf({ name, data }: QmpEvent): string | undefined {
  return name === "MIGRATION" ? text(data["status"]) : undefined;
}

/** Why a migration failed, as QEMU reports it. */
export async function failureOf(client: Executor): Promise<string> {
  const { status, "error-desc": reason } = await queryMigrate(client);
  return reason ?? `status ${status}`;
}
