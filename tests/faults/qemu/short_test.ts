/** The short form of the table, on the accelerator that is everywhere. */

import { qemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { type Machine, PLAIN } from "../../../testing/qemu/mod.ts";
import { inject } from "../harness/inject.ts";
import { FAULTS } from "../table/mod.ts";

const builds = await qemuBuilds();
const isRoot = Deno.uid() === 0;

/** These end otherwise where the guest does not run. */
const PAUSED = [
  "new program is missing",
  "another process locks the disk",
  "cprctl is killed",
];

for (const fault of FAULTS.filter(({ short }) => short)) {
  Deno.test({
    name: `${fault.name}, ${fault.when}`,
    ignore: fault.root === true && !isRoot,
    async fn() {
      await inject(fault, { machine: PLAIN, accelerator: "tcg", builds });
    },
  });
}

for (const fault of FAULTS.filter(({ name }) => PAUSED.includes(name))) {
  Deno.test(`${fault.name}, ${fault.when} (paused)`, async () => {
    const machine: Machine = { ...PLAIN, name: "q35, paused", paused: true };
    await inject(fault, { machine, accelerator: "tcg", builds });
  });
}
