import { asObject, text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import type { Inventory } from "../inventory.ts";
import { quoted } from "../wording.ts";

/** A migration in one of these is not under way. */
const IDLE = ["none", "completed", "failed", "cancelled"];

/** No migration or snapshot of the VM is under way. */
export const migrationIdle: PreflightCheck = {
  id: "migration-idle",
  async run({ inventory }) {
    const status = await migrationStatus(inventory);
    return status === undefined ? ok("no migration is under way") : refuse(
      `A migration is under way: ${quoted(status)}`,
      "Wait for its end, or end it with migrate_cancel",
    );
  },
};

/** The status of a migration that is under way. */
export async function migrationStatus(
  inventory: Inventory,
): Promise<string | undefined> {
  const { status } = asObject(await inventory.ask("query-migrate"));
  return IDLE.includes(text(status) ?? "none") ? undefined : text(status);
}
