import { asObject, text } from "../facts.ts";
import { ok, type PreflightCheck, refuse } from "./check.ts";
import { quoted } from "./wording.ts";

/** A migration in one of these is not under way. */
const IDLE = ["none", "completed", "failed", "cancelled"];

/** No migration or snapshot of the VM is under way. */
export const migrationIdle: PreflightCheck = {
  id: "migration-idle",
  async run({ inventory }) {
    const status = text(
      asObject(await inventory.ask("query-migrate"))["status"],
    );
    return IDLE.includes(status ?? "none")
      ? ok("no migration is under way")
      : refuse(
        `A migration is under way: ${quoted(status ?? "")}`,
        "Wait for its end, or end it with migrate_cancel",
      );
  },
};
