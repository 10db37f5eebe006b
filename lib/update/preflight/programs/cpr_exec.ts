import { asObject } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";

/** The running program knows the migration mode at all. */
export const cprExec: PreflightCheck = {
  id: "cpr-exec",
  async run({ inventory }) {
    const reply = asObject(await inventory.ask("query-migrate-parameters"));
    return reply["cpr-exec-command"] === undefined
      ? refuse(
        "The running program does not know migration mode cpr-exec",
        "Restart the VM once on QEMU 10.2 or later",
      )
      : ok("the running program knows cpr-exec");
  },
};
