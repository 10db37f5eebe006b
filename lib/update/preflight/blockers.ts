import { QmpCommandError } from "../../qmp/mod.ts";
import { asArray, asObject, text } from "../facts.ts";
import { ok, type PreflightCheck, refuse } from "./check.ts";

/** The running program knows the migration mode at all. */
export const cprExec: PreflightCheck = {
  id: "cpr-exec",
  async run({ client }) {
    const reply = asObject(await client.execute("query-migrate-parameters"));
    return reply["cpr-exec-command"] === undefined
      ? refuse(
        "The running program does not know migration mode cpr-exec",
        "Restart the VM once on QEMU 10.2 or later",
      )
      : ok("the running program knows cpr-exec");
  },
};

/**
 * All RAM can be preserved. QEMU checks that in mode cpr-transfer, and only
 * there: cpr-exec loses what is not shared without a word. The mode is put
 * back at once.
 */
export const blockers: PreflightCheck = {
  id: "blockers",
  async run({ client }) {
    const reply = asObject(await client.execute("query-migrate-parameters"));
    const mode = text(reply["mode"]) ?? "normal";
    let reasons: string[];
    try {
      await client.execute("migrate-set-parameters", { mode: "cpr-transfer" });
      const migration = asObject(await client.execute("query-migrate"));
      reasons = asArray(migration["blocked-reasons"]).map(String);
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      reasons = [error.description];
    } finally {
      await client.execute("migrate-set-parameters", { mode });
    }
    return reasons.length === 0
      ? ok("nothing blocks a migration, and all RAM can be preserved")
      : refuse(
        reasons.join("; "),
        "Start the VM with share=on for its memory-backend and " +
          "aux-ram-share=on for its machine",
      );
  },
};
