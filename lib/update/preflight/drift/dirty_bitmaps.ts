import { isObject } from "../../../qmp/mod.ts";
import { asArray, text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, warn } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { blockDevices, nameOf } from "./block_devices.ts";

/** Which blocks were written since the last backup is known afterwards. */
export const dirtyBitmaps: PreflightCheck = {
  id: "dirty-bitmaps",
  async run({ inventory }) {
    const lost: string[] = [];
    for (const device of await blockDevices(inventory)) {
      const bitmaps = asArray(device.medium?.inserted["dirty-bitmaps"]);
      for (const bitmap of bitmaps.filter(isObject)) {
        if (bitmap["persistent"] === true) continue;
        const name = text(bitmap["name"]) ?? "";
        if (name === "") continue; // a job's own, which ends with it
        lost.push(`${quoted(name)} of ${quoted(nameOf(device))}`);
      }
    }
    return lost.length === 0 ? ok("no dirty bitmap is lost") : warn(
      `Dirty bitmaps are only in memory and will be lost: ${joined(lost)}`,
      "Make the next backup a full one",
    );
  },
};
