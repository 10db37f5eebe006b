import { type QmpClient, QmpCommandError } from "../../../qmp/mod.ts";
import { asArray, asObject, text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse, skipped } from "../check.ts";
import { joined } from "../wording.ts";
import { migrationStatus } from "./migration_idle.ts";

/**
 * What blocks a migration depends on its mode. RAM that cannot be preserved
 * blocks cpr-transfer, and only that: cpr-exec loses it without a word.
 */
const MODES = ["cpr-transfer", "cpr-exec"];

/** Nothing blocks a migration. The mode is put back at once. */
export const blockers: PreflightCheck = {
  id: "blockers",
  async run({ client, inventory }) {
    if (await migrationStatus(inventory) !== undefined) {
      return skipped("a migration is under way, and its mode is not ours");
    }
    const reply = asObject(await inventory.ask("query-migrate-parameters"));
    const mode = text(reply["mode"]) ?? "normal";
    const reasons = new Set<string>();
    try {
      for (const mode of MODES) {
        for (const reason of await reasonsIn(client, mode)) reasons.add(reason);
      }
    } finally {
      await client.execute("migrate-set-parameters", { mode });
    }
    return reasons.size === 0
      ? ok("nothing blocks a migration, and all RAM can be preserved")
      : refuse(
        `QEMU blocks it: ${joined([...reasons])}`,
        remedyOf([...reasons]),
      );
  },
};

/** As QEMU names what is missing for RAM. */
const OF_RAM = /share=on/;

function remedyOf(reasons: readonly string[]): string {
  const ram = reasons.filter((reason) => OF_RAM.test(reason));
  const remedies = [
    ...ram.length === 0 ? [] : [
      "start the VM with share=on for its memory-backend and " +
      "aux-ram-share=on for its machine",
    ],
    ...ram.length === reasons.length ? [] : [
      "unplug or end what blocks it, or let the VM keep its program until it " +
      "is shut down",
    ],
  ].join("; and ");
  return remedies.charAt(0).toUpperCase() + remedies.slice(1);
}

async function reasonsIn(client: QmpClient, mode: string): Promise<string[]> {
  try {
    await client.execute("migrate-set-parameters", { mode });
    const migration = asObject(await client.execute("query-migrate"));
    return asArray(migration["blocked-reasons"]).map(String);
  } catch (error) {
    if (error instanceof QmpCommandError) return [error.description];
    throw error;
  }
}
