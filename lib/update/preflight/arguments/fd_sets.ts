import { ok, type PreflightCheck, refuse } from "../check.ts";
import { listed } from "../wording.ts";

/** No descriptors were given to the VM at run time that something may use. */
export const fdSets: PreflightCheck = {
  id: "fd-sets",
  async run({ inventory }) {
    const ids = (await inventory.list("query-fdsets"))
      .map((set) => `/dev/fdset/${set["fdset-id"]}`);
    return ids.length === 0 ? ok("no descriptor sets were added") : refuse(
      `Descriptor sets would be lost: ${listed(ids)}`,
      "Remove them (remove-fd) and add them again after the update",
    );
  },
};
