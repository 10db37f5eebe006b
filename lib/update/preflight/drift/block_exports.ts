import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { listed } from "../wording.ts";

/** Nobody outside has a disk by NBD or vhost-user. */
export const blockExports: PreflightCheck = {
  id: "block-exports",
  async run({ inventory }) {
    const ids = (await inventory.list("query-block-exports"))
      .map(({ id }) => text(id) ?? "");
    return ids.length === 0 ? ok("no disk is exported") : refuse(
      `Disks are exported: ${listed(ids)}`,
      "End the exports (block-export-del) and make them again afterwards",
    );
  },
};
