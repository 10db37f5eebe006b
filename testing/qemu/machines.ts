/**
 * The virtual machines of the suite: one row is one configuration.
 *
 * All have RAM that survives cpr-exec, a raw disk that boots the guest of
 * guest.ts, and a QMP socket.
 *
 * @module
 */

/** How a virtual machine is put together. */
export interface Machine {
  /** For the test's name. */
  readonly name: string;
  /** `-machine` without the properties that all have. */
  readonly type: string;
  /** `-device` of the disk that boots, without its drive. */
  readonly disk: string;
  /** More arguments. */
  readonly extra?: readonly string[];
  readonly cpus?: number;
  /** With RAM that no update preserves, as QEMU makes it unless it is told. */
  readonly anonymous?: true;
  /** Size of guest RAM, such as "4G"; small unless said. */
  readonly ram?: string;
  /** Have every page of guest RAM made at the start. */
  readonly prealloc?: true;
  /** With a guest that never waits: it tells the time better, and takes a CPU. */
  readonly busy?: true;
  /** Stop the guest before it is moved. */
  readonly paused?: true;
  readonly daemonize?: true;
  /** With the devices that QEMU adds by itself: a NIC, a CD drive, VGA. */
  readonly defaults?: true;
  /** Run it as this user, and group of the same number; only root can. */
  readonly user?: number;
  /** What its environment has besides. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The one that tests of anything but configurations use. */
export const PLAIN: Machine = {
  name: "q35, virtio-blk",
  type: "q35",
  disk: "virtio-blk-pci",
};

const NET = ["-netdev", "user,id=net"];

/** The one with the most devices, for benchmarks. */
export const RICH: Machine = {
  name: "q35, every virtio",
  type: "q35",
  disk: "scsi-hd,bus=scsi.0",
  extra: [
    ...["-device", "virtio-scsi-pci,id=scsi"],
    ...[...NET, "-device", "virtio-net-pci,netdev=net"],
    ...["-device", "virtio-rng-pci"],
    ...["-device", "virtio-balloon-pci"],
    ...["-device", "virtio-serial-pci"],
    ...[
      "-chardev",
      "null,id=console",
      "-device",
      "virtconsole,chardev=console",
    ],
  ],
  cpus: 2,
};

/** Every configuration that is moved from build to build. */
export const MACHINES: readonly Machine[] = [
  PLAIN,
  { ...PLAIN, name: "q35, 2 vCPUs", cpus: 2 },
  { ...PLAIN, name: "q35, paused", paused: true },
  { ...PLAIN, name: "q35, daemon", daemonize: true },
  { ...PLAIN, name: "q35, default devices", defaults: true },
  {
    name: "q35, ide, vga, e1000",
    type: "q35",
    disk: "ide-hd,bus=ide.0",
    extra: ["-device", "VGA", ...NET, "-device", "e1000,netdev=net"],
  },
  {
    name: "q35, nvme",
    type: "q35",
    disk: "nvme,serial=boot",
  },
  RICH,
  {
    name: "q35, usb",
    type: "q35",
    disk: "usb-storage,bus=usb.0",
    extra: [
      ...["-device", "qemu-xhci,id=usb"],
      ...["-device", "usb-tablet,bus=usb.0"],
      ...["-device", "usb-kbd,bus=usb.0"],
    ],
  },
  { name: "pc, ide", type: "pc", disk: "ide-hd,bus=ide.0" },
  {
    name: "pc, virtio-blk, e1000, usb, vga, 2 vCPUs, paused",
    type: "pc",
    disk: "virtio-blk-pci",
    extra: [
      ...[
        "-device",
        "piix3-usb-uhci,id=usb",
        "-device",
        "usb-tablet,bus=usb.0",
      ],
      ...["-device", "VGA", ...NET, "-device", "e1000,netdev=net"],
    ],
    cpus: 2,
    paused: true,
  },
  { name: "microvm, virtio-blk", type: "microvm", disk: "virtio-blk-device" },
  {
    name: "microvm, virtio-net, 2 vCPUs, paused",
    type: "microvm",
    disk: "virtio-blk-device",
    extra: [...NET, "-device", "virtio-net-device,netdev=net"],
    cpus: 2,
    paused: true,
  },
];

/** Where the files of a running machine are. */
export interface MachineFiles {
  readonly disk: string;
  readonly qmp: string;
  readonly pidfile: string;
}

/** The accelerators that the suite knows. */
export type Accelerator = "kvm" | "tcg";

/** The arguments of QEMU for a machine, the program's name not included. */
export function argumentsOf(
  machine: Machine,
  accelerator: Accelerator,
  files: MachineFiles,
): string[] {
  const ram = machine.ram ?? "64M";
  const prealloc = machine.prealloc ? ",prealloc=on" : "";
  const type = `${machine.type},accel=${accelerator}`;
  const shared = [
    ...["-machine", `${type},aux-ram-share=on,memory-backend=ram0`],
    "-object",
    `memory-backend-memfd,id=ram0,size=${ram},share=on${prealloc}`,
  ];
  return [
    ...machine.anonymous ? ["-machine", type] : shared,
    ...["-m", ram],
    ...["-smp", `${machine.cpus ?? 1}`],
    ...machine.defaults ? [] : ["-nodefaults"],
    ...["-no-user-config", "-display", "none"],
    ...["-qmp", `unix:${files.qmp},server=on,wait=off`],
    ...["-drive", `if=none,id=disk,format=raw,file=${files.disk}`],
    ...machine.extra ?? [],
    ...["-device", `${machine.disk},drive=disk,bootindex=0`],
    ...machine.daemonize ? ["-daemonize", "-pidfile", files.pidfile] : [],
  ];
}
