/** Devices whose state QEMU does not save are told before the VM is stopped. */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { move, moveAndReturn } from "./moved.ts";
import {
  assertNothingElse,
  assertRefuses,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();

/** With the running program asked, which is the VM's choice. */
const checked = (vm: VirtualMachine) =>
  preflightOf(vm, builds.new.binary, { inSandbox: true });

function startWith(...extra: readonly string[]): Promise<VirtualMachine> {
  const machine = { ...PLAIN, disk: "virtio-blk-pci,bus=pcie.0", extra };
  return VirtualMachine.start(builds.old, machine, "tcg");
}

const memory = (id: string) => [
  "-object",
  `memory-backend-memfd,id=${id},size=1M,share=on`,
];

const FORGOTTEN: Readonly<Record<string, readonly string[]>> = {
  "edu": ["-device", "edu,id=it"],
  "ati-vga": ["-device", "ati-vga,id=it"],
  "sdhci-pci": ["-device", "sdhci-pci,id=it"],
  "pci-testdev": ["-device", "pci-testdev,id=it"],
  "adlib": ["-audiodev", "none,id=a", "-device", "adlib,id=it,audiodev=a"],
  "acpi-erst": [...memory("m"), "-device", "acpi-erst,id=it,memdev=m"],
  "virtio-pmem": [
    ...["-m", "64M,maxmem=1G"],
    ...["-object", "memory-backend-memfd,id=m,size=2M,share=on"],
    ...["-device", "virtio-pmem-pci,id=it,memdev=m"],
  ],
};

for (const [type, words] of Object.entries(FORGOTTEN)) {
  Deno.test(`a VM with ${type} is refused`, async () => {
    await using vm = await startWith(...words);
    const checks = await checked(vm);
    assertRefuses(checks, "device-state", type);
    assertNothingElse(checks, "device-state");
  });
}

Deno.test("devices that save their state in other ways pass", async () => {
  await using vm = await startWith(
    ...["-device", "pvscsi"], // in a subsection
    ...["-device", "i82559er", "-device", "i82801"], // one by one
    ...["-device", "virtio-vga"], // as virtio does
    ...["-device", "igb"], // whose functions are not in use
    ...["-device", "pxb-pcie,bus_nr=128,bus=pcie.0"], // none that matters
    ...["-device", "pcie-root-port,id=rp,bus=pcie.0"],
  );
  assertNothingElse(await checked(vm));
});

const drive = (id: string) => ["-drive", `if=none,id=${id},driver=null-co`];

const NVME: Readonly<Record<string, readonly string[]>> = {
  "no namespace": ["-device", "nvme,serial=a,id=it"],
  "a namespace of its own": [
    ...[...drive("n1"), "-device", "nvme,serial=a,id=c"],
    ...["-device", "nvme-ns,drive=n1,bus=c,id=it"],
  ],
  "two namespaces": [
    ...[...drive("n1"), "-device", "nvme,serial=a,id=c,drive=n1"],
    ...[...drive("n2"), "-device", "nvme-ns,drive=n2,bus=c,id=it"],
  ],
};

for (const [what, words] of Object.entries(NVME)) {
  Deno.test(`an NVMe controller with ${what} is refused`, async () => {
    await using vm = await startWith(...words);
    const checks = await checked(vm);
    assertRefuses(checks, "nvme-namespaces", `"it"`);
    assertNothingElse(checks, "nvme-namespaces");
  });
}

Deno.test("an NVMe controller with the drive that it names passes", async () => {
  await using vm = await startWith(
    ...[...drive("n1"), "-device", "nvme,serial=a,drive=n1"],
  );
  assertNothingElse(await checked(vm));
});

Deno.test("a device that crashes QEMU when it is saved is refused", async () => {
  await using vm = await startWith("-device", "pci-serial-2x");
  const checks = await checked(vm);
  assertRefuses(checks, "fatal-devices", "pci-serial-2x");
  assertNothingElse(checks, "fatal-devices");
});

Deno.test("a guest keeps the generation id that QEMU chose", async () => {
  const extra = ["-device", "vmgenid,guid=auto"];
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra },
    "tcg",
  );
  const witness = await Witness.of(vm);
  const id = await vm.command("query-vm-generation-id");
  await moveAndReturn(vm, builds.new);
  await move(vm, builds.new);
  assertEquals(await vm.command("query-vm-generation-id"), id);
  await witness.assertLivesOn();
});
