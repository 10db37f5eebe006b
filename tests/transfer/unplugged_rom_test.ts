/** A PCI device with a ROM was unplugged: QEMU keeps a closed descriptor of it. */

import { assertEquals } from "@std/assert";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import { update } from "../../lib/update/update.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

import { moveAndReturn } from "../qemu/moved.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;

Deno.test("a cpr-transfer of a VM without its ROM does not end it", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
      ...["-device", "pcie-root-port,id=root0,chassis=1,slot=1"],
      ...["-netdev", "user,id=net"],
    ],
  }, "tcg");
  const nic = { driver: "e1000e", id: "nic", netdev: "net", bus: "root0" };
  await vm.command("device_add", nic);
  // The program that it goes back to opens fewer files after the ROM.
  await moveAndReturn(vm, builds.new);
  await vm.command("device_del", { id: "nic" });
  await until("it is unplugged", PATIENCE_MS, async () => {
    const path = "/machine/peripheral";
    const there = await vm.command("qom-list", { path }) as JsonObject[];
    return !there.some(({ name }) => name === "nic");
  });
  const witness = await Witness.of(vm);
  console.log(
    "X",
    [...Deno.readDirSync(`/proc/${vm.pid}/fd`)].map((e) => Number(e.name)).sort(
      (a, b) => a - b,
    ).join(" "),
    Deno.readTextFileSync(`/proc/${vm.pid}/status`).match(/FDSize.*/)?.[0],
  );
  for (const build of [builds.new, builds.old]) {
    const report = await update({
      address: { path: vm.files.qmp },
      ...{ binary: build.binary, mode: "cpr-transfer", self: cprctlWords() },
    });
    assertEquals(report.error, null);
    assertEquals([report.outcome, report.warnings], ["updated", []]);
    vm.follow(report.pid_after ?? 0);
    await witness.assertLivesOn();
  }
});
