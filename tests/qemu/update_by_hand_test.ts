import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  MACHINES,
  PLAIN,
  updateByHand,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

for (const accelerator of await accelerators(builds.old)) {
  // The yardstick needs no more of KVM than one machine.
  for (const machine of accelerator === "tcg" ? MACHINES : [PLAIN]) {
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

  Deno.test(`QEMU itself moves a machine back and forth (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, accelerator);
    const witness = await Witness.of(vm);
    for (const build of [builds.new, builds.old, builds.new, builds.old]) {
      await updateByHand(vm, build);
      assertEquals(vm.executable(), build.binary);
      await witness.assertLivesOn();
    }
  });
}
