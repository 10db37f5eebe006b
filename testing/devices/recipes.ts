/** What a device of each type needs beside it, as arguments of a VM. */

import type { DeviceType } from "./catalogue.ts";

/** A device of a type, with all that it needs. */
export interface Recipe {
  readonly words: readonly string[];
  /** It shares a VM with no other type. */
  readonly alone: boolean;
  /** The test's guest does not get as far as to count with it. */
  readonly bootless: boolean;
  /** More properties of the machine. */
  readonly machine: string;
  /** Needs a TPM beside the VM: `-tpmdev …,id=tpm`. */
  readonly tpm: boolean;
}

/** What a type wants that no test machine has. */
const WANTS: readonly (readonly [RegExp, string])[] = [
  [/^vfio-|^x-pci-proxy-dev$/, "a device of the host"],
  [/^(usb-host|virtio-input-host)/, "a device of the host"],
  [/^scsi-(block|generic)$/, "a device of the host"],
  [/^u2f-passthru$/, "a device of the host"],
  [/^vhost-(scsi|vsock|vdpa)/, "a device of the host"],
  [/^vhost-user-/, "a vhost-user back end"],
  [/^(xen|hv|vmbus|nitro)-/, "Xen, Hyper-V or Nitro"],
  [/^ivshmem-doorbell$/, "an ivshmem server"],
  [/^usb-braille$/, "a braille display"],
  [/^ccid-card-emulated$/, "certificates of the host"],
  [/^uefi-vars-/, "a firmware that is made for it"],
  [/^guest-loader$/, "a hypervisor as the guest"],
];

/** What a type wants that is not there; undefined where it can be tried. */
export function missingFor({ name }: DeviceType): string | undefined {
  return WANTS.find(([types]) => types.test(name))?.[1];
}

type Words = (at: string) => readonly string[];

const drive = (at: string) => [
  ...["-drive", `if=none,id=d${at},driver=null-co,size=1M,read-zeroes=on`],
];
const chardev = (id: string) => ["-chardev", `null,id=${id}`];
const backend = (at: string, size: string) => [
  ...["-object", `memory-backend-memfd,id=m${at},size=${size},share=on`],
];
const device = (text: string) => ["-device", text];

const withDrive = (type: string): Words => (at) => [
  ...drive(at),
  ...device(`${type},drive=d${at}`),
];
const withChardev = (type: string): Words => (at) => [
  ...chardev(`c${at}`),
  ...device(`${type},chardev=c${at}`),
];
const withSound = (type: string): Words => (at) => [
  ...["-audiodev", `none,id=a${at}`],
  ...device(`${type},audiodev=a${at}`),
];
const withMemory = (type: string, size: string): Words => (at) => [
  ...backend(at, size),
  ...device(`${type},memdev=m${at}`),
];
const onUsb = (text: string): Words => (at) => [
  ...device(`qemu-xhci,id=x${at}`),
  ...device(`${text},bus=x${at}.0`),
];
const onHda = (type: string): Words => (at) => [
  ...["-audiodev", `none,id=a${at}`],
  ...device(`intel-hda,id=h${at}`),
  ...device(`${type},bus=h${at}.0,audiodev=a${at}`),
];
const onSerial = (type: string): Words => (at) => [
  ...chardev(`c${at}`),
  ...device(`virtio-serial-pci,id=v${at}`),
  ...device(`${type},bus=v${at}.0,chardev=c${at}`),
];
const withBmc = (type: string): Words => (at) => [
  ...device(`ipmi-bmc-sim,id=b${at}`),
  ...device(`${type},bmc=b${at}`),
];
const onCan =
  (type: string, ...properties: readonly string[]): Words => (at) => [
    ...["-object", `can-bus,id=n${at}`],
    ...device([type, ...properties.map((it) => `${it}=n${at}`)].join()),
  ];
const onCxl = (...last: readonly string[]) =>
  [
    ...device("pxb-cxl,id=cxl,bus_nr=52,bus=pcie.0"),
    ...device("cxl-rp,id=cxlrp,bus=cxl,chassis=0,slot=2"),
    ...last,
  ] as const;

/** The same for several types. */
function each(
  types: readonly string[],
  make: (type: string) => Words,
): Record<string, Words> {
  return Object.fromEntries(types.map((type) => [type, make(type)]));
}

/** Types that need more than `-device TYPE`. */
const WORDS: Readonly<Record<string, Words>> = {
  ...each(
    ["AC97", "ES1370", "cs4231a", "gus", "sb16", "adlib"],
    withSound,
  ),
  ...each(["virtio-sound-pci", "virtio-sound-device"], withSound),
  ...each(
    ["hda-duplex", "hda-micro", "hda-output"],
    onHda,
  ),
  ...each(
    ["virtconsole", "virtserialport"],
    onSerial,
  ),
  ...each(
    ["isa-serial", "isa-parallel", "isa-debugcon", "pci-serial"],
    withChardev,
  ),
  ...each(
    ["isa-ipmi-bt", "isa-ipmi-kcs", "pci-ipmi-bt", "pci-ipmi-kcs"],
    withBmc,
  ),
  "smbus-ipmi": withBmc("smbus-ipmi,address=0x20"),
  "ipmi-bmc-extern": (at) => [
    ...chardev(`c${at}`),
    ...device(`ipmi-bmc-extern,id=b${at},chardev=c${at}`),
    ...device(`pci-ipmi-kcs,bmc=b${at}`),
  ],
  "ipmi-bmc-sim": withBmc("isa-ipmi-kcs"),
  "virtio-blk-device": withDrive("virtio-blk-device"),
  "nvme": withDrive("nvme,serial=s"),
  "usb-audio": (at) => [
    ...["-audiodev", `none,id=a${at}`],
    ...onUsb(`usb-audio,audiodev=a${at}`)(at),
  ],
  "usb-bot": (at) => [
    ...drive(at),
    ...onUsb(`usb-bot,id=u${at}`)(at),
    ...device(`scsi-hd,bus=u${at}.0,drive=d${at}`),
  ],
  "usb-uas": (at) => [
    ...drive(at),
    ...onUsb(`usb-uas,id=u${at}`)(at),
    ...device(`scsi-hd,bus=u${at}.0,drive=d${at}`),
  ],
  "usb-mtp": onUsb("usb-mtp,rootdir=/usr"),
  "usb-net": (at) => [
    ...["-netdev", `user,id=n${at}`],
    ...onUsb(`usb-net,netdev=n${at}`)(at),
  ],
  ...each(["usb-redir", "usb-serial"], (type) => (at) => [
    ...chardev(`c${at}`),
    ...onUsb(`${type},chardev=c${at}`)(at),
  ]),
  "usb-storage": (at) => [
    ...drive(at),
    ...onUsb(`usb-storage,drive=d${at}`)(at),
  ],
  "ccid-card-passthru": (at) => [
    ...chardev(`c${at}`),
    ...onUsb(`usb-ccid,id=cc${at}`)(at),
    ...device(`ccid-card-passthru,chardev=c${at}`),
  ],
  "scsi-hd": (at) => [
    ...drive(at),
    ...device(`virtio-scsi-pci,id=s${at}`),
    ...device(`scsi-hd,bus=s${at}.0,drive=d${at}`),
  ],
  "scsi-cd": (at) => [
    ...device(`virtio-scsi-pci,id=s${at}`),
    ...device(`scsi-cd,bus=s${at}.0`),
  ],
  "ide-hd": withDrive("ide-hd"),
  "ide-cf": withDrive("ide-cf"),
  "floppy": (at) => [
    ...drive(at),
    ...device(`isa-fdc,id=f${at}`),
    ...device(`floppy,bus=f${at}.0,drive=d${at}`),
  ],
  "sd-card": (at) => [
    ...drive(at),
    ...device(`sdhci-pci,id=sd${at}`),
    ...device(`sd-card,drive=d${at}`),
  ],
  "emmc": (at) => [
    ...drive(at),
    ...device(`sdhci-pci,id=sd${at}`),
    ...device(`emmc,drive=d${at}`),
  ],
  "nvme-ns": (at) => [
    ...drive(at),
    ...device(`nvme,serial=s,id=n${at}`),
    ...device(`nvme-ns,bus=n${at},drive=d${at}`),
  ],
  "nvme-subsys": (at) => [
    ...device(`nvme-subsys,id=y${at}`),
    ...device(`nvme,serial=s,subsys=y${at}`),
  ],
  "ufs-lu": (at) => [
    ...drive(at),
    ...device(`ufs,id=u${at}`),
    ...device(`ufs-lu,bus=u${at},drive=d${at},lun=0`),
  ],
  "pci-serial-2x": (at) => [
    ...[...chardev(`c${at}`), ...chardev(`e${at}`)],
    ...device(`pci-serial-2x,chardev1=c${at},chardev2=e${at}`),
  ],
  "pci-serial-4x": (at) => [
    ...[1, 2, 3, 4].flatMap((it) => chardev(`c${it}${at}`)),
    ...device(
      `pci-serial-4x,${
        [1, 2, 3, 4].map((it) => `chardev${it}=c${it}${at}`).join()
      }`,
    ),
  ],
  "ipoctal232": (at) => [
    ...device(`tpci200,id=t${at}`),
    ...device(`ipoctal232,bus=t${at}.0`),
  ],
  "kvaser_pci": onCan("kvaser_pci", "canbus"),
  "ctucan_pci": onCan("ctucan_pci", "canbus0", "canbus1"),
  "mioe3680_pci": onCan("mioe3680_pci", "canbus0", "canbus1"),
  "pcm3680_pci": onCan("pcm3680_pci", "canbus0", "canbus1"),
  "rocker": (at) => device(`rocker,name=sw${at}`),
  "isa-applesmc": () => device(`isa-applesmc,osk=${"k".repeat(64)}`),
  "loader": () => device("loader,addr=0x100000,data=0x1,data-len=4"),
  ...each(["acpi-erst", "ivshmem-plain"], (type) => withMemory(type, "1M")),
  ...each(
    ["pc-dimm", "nvdimm", "sp-mem", "virtio-mem-pci", "virtio-mem"],
    (type) => withMemory(type, "128M"),
  ),
  ...each(
    ["virtio-pmem-pci", "virtio-pmem"],
    (type) => withMemory(type, "128M"),
  ),
  ...each(["virtio-crypto-pci", "virtio-crypto-device"], (type) => (at) => [
    ...["-object", `cryptodev-backend-builtin,id=cr${at}`],
    ...device(`${type},cryptodev=cr${at}`),
  ]),
  "pxb": () => device("pxb,bus_nr=80"),
  "pxb-pcie": () => device("pxb-pcie,bus_nr=80,bus=pcie.0"),
  "pxb-cxl": () => device("pxb-cxl,bus_nr=52,bus=pcie.0"),
  "cxl-rp": () => onCxl(),
  "cxl-type3": (at) => [
    ...backend(at, "256M"),
    ...onCxl(...device(`cxl-type3,bus=cxlrp,volatile-memdev=m${at}`)),
  ],
  "cxl-upstream": () => onCxl(...device("cxl-upstream,bus=cxlrp,id=up")),
  "cxl-downstream": () =>
    onCxl(
      ...device("cxl-upstream,bus=cxlrp,id=up"),
      ...device("cxl-downstream,bus=up,id=down,chassis=0,slot=4"),
    ),
  "cxl-switch-mailbox-cci": () =>
    onCxl(
      ...device("cxl-upstream,bus=cxlrp,id=up,multifunction=on,addr=0.0"),
      ...device("cxl-switch-mailbox-cci,bus=cxlrp,addr=0.1,target=up"),
    ),
  "x3130-upstream": (at) => [
    ...device(`ioh3420,id=rp${at},chassis=90`),
    ...device(`x3130-upstream,bus=rp${at}`),
  ],
  "xio3130-downstream": (at) => [
    ...device(`ioh3420,id=rp${at},chassis=91`),
    ...device(`x3130-upstream,bus=rp${at},id=up${at}`),
    ...device(`xio3130-downstream,bus=up${at},chassis=92,slot=1`),
  ],
  "pci-bridge": () => device("pci-bridge,chassis_nr=40"),
  "pci-bridge-seat": () => device("pci-bridge-seat,chassis_nr=41"),
  "pcie-root-port": () => device("pcie-root-port,chassis=42"),
  "ioh3420": () => device("ioh3420,chassis=43"),
  "tpm-crb": () => device("tpm-crb,tpmdev=tpm"),
  "tpm-tis": () => device("tpm-tis,tpmdev=tpm"),
  "vmgenid": () => device("vmgenid,guid=auto"),
  "i2c-echo": () => device("i2c-echo,address=0x40"),
  "i2c-ddc": () => device("i2c-ddc,address=0x50"),
};

const PCI_BLOCK = /^virtio-blk-pci/;
const NINE_P = /^virtio-9p/;
/** There can be one, or it changes where all others are. */
const ALONE =
  /vga|^VGA$|ramfb|cxl|^pxb|-dimm|dimm$|sp-mem|iommu|tpm-|virtio-p?mem|display|gpu|isa-|loader|^pc-testdev|AMDVI|x3130|3420|nvme|xen/;

/** The firmware waits for ever to show something on them. */
const BOOTLESS = /^isa-(cirrus-)?vga$/;

/** The arguments of a VM that has a device of a type. */
export function recipeFor(
  { name, bus }: DeviceType,
  at: string,
  folder: string,
): Recipe {
  return {
    words: wordsFor(name, bus, at, folder),
    alone: ALONE.test(name),
    bootless: BOOTLESS.test(name),
    machine: name.includes("cxl")
      ? ",cxl=on"
      : name === "nvdimm"
      ? ",nvdimm=on"
      : /intel-iommu|amd-iommu/.test(name)
      ? ",kernel-irqchip=split"
      : "",
    tpm: name.startsWith("tpm-"),
  };
}

function wordsFor(
  name: string,
  bus: string | undefined,
  at: string,
  folder: string,
): readonly string[] {
  const words = WORDS[name];
  if (words !== undefined) return words(at);
  if (PCI_BLOCK.test(name)) return withDrive(name)(at);
  if (NINE_P.test(name)) {
    return [
      ...["-fsdev", `local,id=f${at},path=${folder},security_model=none`],
      ...device(`${name},fsdev=f${at},mount_tag=t${at}`),
    ];
  }
  return bus === "usb-bus" ? onUsb(name)(at) : device(name);
}
