import { qemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { accelerators, PLAIN } from "../../../testing/qemu/mod.ts";
import { inject } from "../harness/inject.ts";
import { FAULTS } from "../table/mod.ts";

const builds = await qemuBuilds();
const isRoot = Deno.uid() === 0;

for (const accelerator of await accelerators(builds.old)) {
  for (const fault of FAULTS) {
    Deno.test({
      name: `${fault.name}, ${fault.when} (${accelerator})`,
      ignore: fault.root === true && !isRoot,
      async fn() {
        await inject(fault, { machine: PLAIN, accelerator, builds });
      },
    });
  }
}
