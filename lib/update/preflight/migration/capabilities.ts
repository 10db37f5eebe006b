import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { listed } from "../wording.ts";

/** With one of these on, QEMU refuses cpr-exec, or loses the VM in it. */
const HARMFUL = [
  "background-snapshot",
  "dirty-bitmaps",
  "mapped-ram",
  "multifd",
  "postcopy-preempt",
  "postcopy-ram",
  "return-path",
  "switchover-ack",
  "x-colo",
  "x-ignore-shared",
  "zero-copy-send",
];

/** No migration capability is on that does not go with cpr-exec. */
export const capabilities: PreflightCheck = {
  id: "capabilities",
  async run({ inventory }) {
    const on = (await inventory.list("query-migrate-capabilities"))
      .filter(({ state }) => state === true)
      .map(({ capability }) => text(capability) ?? "")
      .filter((name) => HARMFUL.includes(name));
    return on.length === 0
      ? ok("no capability is on that does not go with cpr-exec")
      : refuse(
        `Migration capabilities do not go with cpr-exec: ${listed(on)}`,
        "Switch them off with migrate-set-capabilities",
      );
  },
};
