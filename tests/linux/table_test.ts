/** The table, whole or each action at one moment of the three. */

import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import { MOMENTS } from "./harness/action.ts";
import { perform } from "./harness/perform.ts";
import { ACTIONS } from "./table/mod.ts";

const builds = await qemuBuilds();
const isWhole = Deno.env.get("CPRCTL_LINUX") === "whole";

for (const [number, action] of ACTIONS.entries()) {
  for (const [index, moment] of MOMENTS.entries()) {
    Deno.test({
      name: `the guest ${action.name}, in phase ${moment}`,
      ignore: !isWhole && number % MOMENTS.length !== index,
      fn: () => perform(action, moment, builds),
    });
  }
}
