/** The short form of the table, on the accelerator that is everywhere. */

import { qemuBuilds } from "../../../scripts/qemu/builds.ts";
import { PLAIN } from "../../qemu/harness/mod.ts";
import { strike } from "../harness/strike.ts";
import { FAULTS } from "../table/mod.ts";

const builds = await qemuBuilds();
const isRoot = Deno.uid() === 0;

for (const fault of FAULTS.filter(({ short }) => short)) {
  Deno.test({
    name: `${fault.name}, ${fault.when}`,
    ignore: fault.root === true && !isRoot,
    async fn() {
      await strike(fault, { machine: PLAIN, accelerator: "tcg", builds });
    },
  });
}
