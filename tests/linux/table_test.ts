/** The table: whole, or its short form. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { IS_WHOLE } from "./harness/whole.ts";
import { MOMENTS } from "./harness/action.ts";
import { perform } from "./harness/perform.ts";
import { ACTIONS } from "./table/mod.ts";

const builds = await qemuBuilds();

for (const action of ACTIONS) {
  for (const moment of MOMENTS) {
    Deno.test({
      name: `the guest ${action.name}, in phase ${moment}`,
      ignore: !IS_WHOLE && action.short !== moment,
      fn: () => perform(action, moment, builds),
    });
  }
}
