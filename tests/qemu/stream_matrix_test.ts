import { assert } from "@std/assert";
import { openInput } from "../../lib/inspect/mod.ts";
import {
  type QemuBuild,
  qemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import { assertSameReading } from "../inspect/same_reading.ts";
import {
  type Machine,
  MACHINES,
  saveTo,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

const NETS = ["e1000", "virtio-net-pci", "rtl8139", "e1000e"];
const DRIVES = ["nvme", "sd", "scsi", "lsi"];

/** As many devices as fit together: ten times the values of a plain machine. */
const RICH: Machine = {
  name: "q35, some forty devices",
  type: "q35",
  disk: "virtio-blk-pci",
  cpus: 2,
  extra: [
    ...DRIVES.flatMap((name) => [
      "-drive",
      `if=none,id=${name},driver=null-co,read-zeroes=on,size=64M`,
    ]),
    ...["-audiodev", "none,id=audio"],
    ...NETS.flatMap((name) => ["-netdev", `user,id=${name}`]),
    ...[
      ...["VGA", "cirrus-vga", ...NETS.map((name) => `${name},netdev=${name}`)],
      ...["virtio-rng-pci", "virtio-balloon-pci", "virtio-serial-pci"],
      ...["virtio-tablet-pci", "virtio-iommu-pci", "nvme,serial=x,drive=nvme"],
      ...["sdhci-pci", "sd-card,drive=sd", "virtio-scsi-pci,id=scsi"],
      ...["scsi-hd,bus=scsi.0,drive=scsi", "lsi53c895a,id=lsi", "megasas"],
      ...["scsi-cd,bus=lsi.0,drive=lsi", "ide-cd", "qemu-xhci,id=xhci"],
      ...["usb-tablet,bus=xhci.0", "usb-kbd,bus=xhci.0", "piix3-usb-uhci"],
      ...["ich9-usb-ehci1", "ich9-intel-hda", "hda-duplex,audiodev=audio"],
      ...["AC97,audiodev=audio", "i6300esb", "edu", "isa-serial", "pvpanic"],
      ...[
        "pcie-root-port,id=rootport,chassis=1",
        "pcie-pci-bridge,bus=rootport",
      ],
    ].flatMap((device) => ["-device", device]),
  ],
};

const THEM = MACHINES.filter(({ name }) =>
  /^(pc, virtio-blk|microvm, virtio-net)/.test(name)
);

const FORMS: Readonly<Record<string, readonly string[]>> = {
  "normal": [],
  "mapped-ram": ["mapped-ram"],
  "x-ignore-shared": ["x-ignore-shared"],
};

const PAIRS = [
  { build: builds.old, next: builds.new },
  { build: builds.new, next: builds.old },
];

// Every other machine has each build.
for (const [turn, { build, next }] of PAIRS.entries()) {
  for (const [at, machine] of [RICH, ...THEM].entries()) {
    if (at % PAIRS.length !== turn) continue;
    Deno.test(`QEMU ${build.version}, ${machine.name}: an independent reader agrees`, async (t) => {
      for (const [form, capabilities] of Object.entries(FORMS)) {
        await t.step(form, () =>
          readTwice(build, machine, async (vm, path) => {
            await saveTo(vm, path, capabilities);
            return path;
          }));
      }
      await t.step("cpr-exec", () =>
        readTwice(build, machine, async (vm) => {
          const { stateFile } = await updateByHand(vm, next);
          return stateFile;
        }));
    });
  }
}

/** @param save returns the path of the stream that it had the VM write */
async function readTwice(
  build: QemuBuild,
  machine: Machine,
  save: (vm: VirtualMachine, path: string) => Promise<string>,
): Promise<void> {
  await using vm = await VirtualMachine.start(build, machine, "tcg");
  using input = await openInput(await save(vm, `${vm.folder}/saved.state`));
  const leaves = assertSameReading(input);
  assert(leaves > (machine === RICH ? 100_000 : 400), `${leaves} leaves`);
}
