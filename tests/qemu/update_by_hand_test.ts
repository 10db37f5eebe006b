import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import {
  accelerators,
  MACHINES,
  updateByHand,
  VirtualMachine,
  Witness,
} from "./harness/mod.ts";

const builds = await qemuBuilds();

for (const accelerator of await accelerators(builds.old)) {
  for (const machine of MACHINES) {
    Deno.test(`QEMU itself moves ${machine.name} (${accelerator})`, async () => {
      await using vm = await VirtualMachine.boot(
        builds.old,
        machine,
        accelerator,
      );
      if (machine.paused) await vm.command("stop");
      const witness = await Witness.of(vm);
      const { pid } = vm;
      assertEquals(vm.executable(), builds.old.binary);

      await updateByHand(vm, builds.new);

      assertEquals(vm.pid, pid);
      assertEquals(vm.executable(), builds.new.binary);
      assertEquals(await vm.version(), builds.new.version);
      if (machine.paused) {
        await witness.assertStandsStill();
        await vm.command("cont");
      }
      assertEquals(await vm.runState(), "running");
      await witness.assertLivesOn();
    });
  }
}
