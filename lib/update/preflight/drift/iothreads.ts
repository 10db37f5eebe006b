import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, warn } from "../check.ts";
import { joined, quoted } from "../wording.ts";

/** Properties that can be set at run time. */
const PROPERTIES = [
  "poll-max-ns",
  "poll-grow",
  "poll-shrink",
  "poll-weight",
  "aio-max-batch",
];
/** The one default that has been the same in every version. */
const DEFAULTS: Readonly<Record<string, number>> = { "poll-max-ns": 32_768 };

/** The iothreads' settings are those of the command line. */
export const iothreads: PreflightCheck = {
  id: "iothreads",
  async run({ inventory, running }) {
    const changes: string[] = [];
    for (const iothread of await inventory.list("query-iothreads")) {
      const id = text(iothread["id"]) ?? "";
      const named = running.values("object").find((it) => it.get("id") === id);
      if (named === undefined) continue; // told by the check of objects
      for (const name of PROPERTIES) {
        const was = named.integer(name) ?? DEFAULTS[name];
        const is = iothread[name];
        if (was === undefined || is === undefined || Number(is) === was) {
          continue;
        }
        changes.push(`${name} of ${quoted(id)} is ${is}, will be ${was}`);
      }
    }
    return changes.length === 0
      ? ok("iothreads are set as on the command line")
      : warn(
        `Settings of iothreads go back: ${joined(changes)}`,
        "Set them again after the update (qom-set)",
      );
  },
};
