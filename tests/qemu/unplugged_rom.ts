/** A VM of which a PCI device with a ROM was unplugged. */

import type { JsonObject } from "../../lib/qmp/mod.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, until, VirtualMachine } from "../../testing/qemu/mod.ts";

const PATIENCE_MS = 20_000;

/**
 * Boots one: QEMU keeps the descriptor of the ROM in CPR state, closed.
 *
 * @param before is done before the device is unplugged
 */
export async function bootWithoutRom(
  build: QemuBuild,
  before?: (vm: VirtualMachine) => Promise<unknown>,
): Promise<VirtualMachine> {
  await using stack = new AsyncDisposableStack();
  const vm = stack.use(
    await VirtualMachine.boot(build, {
      ...PLAIN,
      extra: [
        ...["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
        ...["-device", "pcie-root-port,id=root0,chassis=1,slot=1"],
        ...["-netdev", "user,id=net"],
      ],
    }, "tcg"),
  );
  const nic = { driver: "e1000e", id: "nic", netdev: "net", bus: "root0" };
  await vm.command("device_add", nic);
  await before?.(vm);
  await vm.command("device_del", { id: "nic" });
  await until("it is unplugged", PATIENCE_MS, async () => {
    const path = "/machine/peripheral";
    const there = await vm.command("qom-list", { path }) as JsonObject[];
    return !there.some(({ name }) => name === "nic");
  });
  stack.move();
  return vm;
}
