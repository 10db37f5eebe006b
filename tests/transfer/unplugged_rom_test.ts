/** A PCI device with a ROM was unplugged: QEMU keeps a closed descriptor of it. */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Witness } from "../../testing/qemu/mod.ts";
import { moveAndReturn, tryToMove } from "../qemu/moved.ts";
import { bootWithoutRom } from "../qemu/unplugged_rom.ts";

const builds = await qemuBuilds();

Deno.test("a cpr-transfer after a device with a ROM was unplugged does not crash QEMU", async () => {
  // The program that it goes back to opens fewer files after the ROM.
  await using vm = await bootWithoutRom(
    builds.old,
    (vm) => moveAndReturn(vm, builds.new),
  );
  const witness = await Witness.of(vm);
  for (const build of [builds.new, builds.old]) {
    const report = await tryToMove(vm, build, { mode: "cpr-transfer" });
    assertEquals(report.error, null);
    assertEquals([report.outcome, report.warnings], ["updated", []]);
    vm.follow(report.pid_after ?? 0);
    await witness.assertLivesOn();
  }
});
