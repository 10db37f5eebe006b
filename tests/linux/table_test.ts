/** The table: whole where CPRCTL_LINUX is "whole", else its short form. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { MOMENTS } from "./harness/action.ts";
import { perform } from "./harness/perform.ts";
import { ACTIONS } from "./table/mod.ts";

const builds = await qemuBuilds();
const isWhole = Deno.env.get("CPRCTL_LINUX") === "whole";

for (const action of ACTIONS) {
  for (const moment of MOMENTS) {
    Deno.test({
      name: `the guest ${action.name}, in phase ${moment}`,
      ignore: !isWhole && action.short !== moment,
      fn: () => perform(action, moment, builds),
    });
  }
}
