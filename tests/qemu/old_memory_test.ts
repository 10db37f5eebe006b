import { assert } from "@std/assert";
import { addressIn } from "../../lib/update/process/old_memory.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  MACHINES,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const RICH = MACHINES.find(({ name }) => name === "q35, every virtio");
assert(RICH !== undefined);

for (const accelerator of await accelerators(builds.old)) {
  Deno.test(`QEMU maps only memory (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, RICH, accelerator);
    const maps = await Deno.readTextFile(`/proc/${vm.pid}/maps`);
    assert(addressIn(maps) !== undefined, maps);
  });
}
