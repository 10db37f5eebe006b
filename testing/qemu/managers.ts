/**
 * Virtual machines with the command lines that managers write, as far as a host
 * without a manager's own daemons can run them.
 *
 * @module
 */

import type { Machine } from "./machines.ts";

/** What a manager has made before it starts a VM. */
export interface ManagerFiles {
  /** Absolute path of a folder, for sockets and files. */
  readonly folder: string;
  /** A tap interface of this VM alone. */
  readonly tap: string;
}

const json = (value: unknown) => JSON.stringify(value);

/** Who listens at the path of Proxmox's second monitor. */
export function proxmoxEvents(folder: string): string {
  return `${folder}/event.sock`;
}

/** Proxmox: the file of the VM is that of its number, 100. */
export function proxmox({ folder, tap }: ManagerFiles): Machine {
  const file = {
    "driver": "file",
    "filename": `${folder}/disk.qcow2`,
    "node-name": "e1f6b3a0c7d94f2b8e5a6c1d0f3b2a4",
    "cache": { "direct": false, "no-flush": false },
    "aio": "threads",
    "discard": "ignore",
  };
  const image = {
    "driver": "qcow2",
    file,
    "node-name": "f1f6b3a0c7d94f2b8e5a6c1d0f3b2a4",
    "read-only": false,
  };
  const disk = {
    "driver": "throttle",
    "file": image,
    "node-name": "drive-scsi0",
    "throttle-group": "throttle-drive-scsi0",
  };
  const group = {
    "id": "throttle-drive-scsi0",
    "limits": {},
    "qom-type": "throttle-group",
  };
  return {
    name: "Proxmox",
    anonymous: true,
    type: "pc",
    disk: "virtio-blk-pci,bus=pci.0,addr=0xa",
    daemonize: true,
    cpus: 2,
    extra: [
      ...["-id", "100", "-name", "vm1,debug-threads=on", "-no-shutdown"],
      "-chardev",
      `socket,id=qmp-event,path=${proxmoxEvents(folder)},reconnect-ms=1000`,
      ...["-mon", "chardev=qmp-event,mode=control"],
      ...["-smbios", "type=1,uuid=7f6b3a0c-7d94-4f2b-8e5a-6c1d0f3b2a41"],
      ...["-boot", "menu=on,strict=on,reboot-timeout=1000"],
      ...["-vnc", `unix:${folder}/vnc.sock,password=on`],
      ...["-cpu", "kvm64,enforce,+lahf_lm,+sep"],
      ...["-object", json(group)],
      ...["-global", "PIIX4_PM.disable_s3=1"],
      ...["-global", "PIIX4_PM.disable_s4=1"],
      ...["-device", "pci-bridge,id=pci.1,chassis_nr=1,bus=pci.0,addr=0x1e"],
      ...["-device", "vmgenid,guid=d2c4a1b0-5e6f-4a7b-8c9d-0e1f2a3b4c5d"],
      ...["-device", "piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2"],
      ...["-device", "usb-tablet,id=tablet,bus=uhci.0,port=1"],
      ...["-device", "VGA,id=vga,bus=pci.0,addr=0x2"],
      "-device",
      "virtio-balloon-pci,id=balloon0,bus=pci.0,addr=0x3," +
      "free-page-reporting=on",
      ...["-iscsi", "initiator-name=iqn.1993-08.org.debian:01:9b3a"],
      ...["-device", "virtio-scsi-pci,id=scsihw0,bus=pci.0,addr=0x5"],
      ...["-blockdev", json(disk)],
      "-device",
      "scsi-hd,bus=scsihw0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0," +
      "id=scsi0,device_id=drive-scsi0,bootindex=100,write-cache=on",
      "-netdev",
      `type=tap,id=net0,ifname=${tap},script=${folder}/up,` +
      `downscript=${folder}/down,queues=2`,
      "-device",
      "virtio-net-pci,mac=BC:24:11:2E:C5:7A,netdev=net0,bus=pci.0," +
      "addr=0x12,id=net0,vectors=6,mq=on,packed=on,rx_queue_size=1024," +
      "tx_queue_size=256,bootindex=102,host_mtu=1500",
      ...["-loadstate", `${folder}/no-such-state`],
      ...["-machine", "hpet=off,smm=off,vmport=off"],
    ],
  };
}

/** The monitor that Incus holds. */
export function incusMonitor(folder: string): string {
  return `${folder}/qemu.monitor`;
}

/** The file of options that Incus writes. */
export function incusConfig(folder: string): string {
  return `# Machine
[machine]
graphics = "off"
type = "q35"
usb = "off"
dump-guest-core = "off"

[global]
driver = "ICH9-LPC"
property = "disable_s3"
value = "1"

[boot-opts]
strict = "on"

[memory]
size = "64M"

[object "mem0"]
qom-type = "memory-backend-memfd"
size = "64M"
share = "on"

[numa]
type = "node"
nodeid = "0"
memdev = "mem0"

# Console
[chardev "console"]
backend = "ringbuf"
size = "1048576"

# QMP
[chardev "monitor"]
backend = "socket"
path = "${incusMonitor(folder)}"
server = "on"
wait = "off"

# PCIe root ports
[device "qemu_pcie0"]
addr = "1.0"
bus = "pcie.0"
chassis = "0"
driver = "pcie-root-port"
multifunction = "on"
port = "16"

[device "qemu_pcie1"]
addr = "1.1"
bus = "pcie.0"
chassis = "1"
driver = "pcie-root-port"
port = "17"

[device "qemu_pcie2"]
addr = "1.2"
bus = "pcie.0"
chassis = "2"
driver = "pcie-root-port"
port = "18"

[device "qemu_balloon"]
addr = "3.0"
bus = "pcie.0"
driver = "virtio-balloon-pci"

[object "qemu_rng"]
filename = "/dev/urandom"
qom-type = "rng-random"

[device "dev-qemu_rng"]
addr = "4.0"
bus = "pcie.0"
driver = "virtio-rng-pci"
rng = "qemu_rng"
`;
}

/** Incus: what is not in its file comes by the monitor that it holds. */
export function incus({ folder }: ManagerFiles): Machine {
  return {
    name: "Incus",
    anonymous: true,
    type: "q35",
    disk: "virtio-blk-pci,addr=0x6",
    daemonize: true,
    extra: [
      ...["-S", "-name", "v1"],
      ...["-uuid", "4b9d1c6e-3a2f-4e5d-9c8b-7a6f5e4d3c2b"],
      ...["-cpu", "max,hv_passthrough=off", "-nographic"],
      ...["-serial", "chardev:console", "-qmp", "chardev:monitor"],
      ...["-readconfig", `${folder}/qemu.conf`],
      ...["-D", `${folder}/qemu.early.log`],
      "-smbios",
      "type=2,manufacturer=LinuxContainers,product=Incus,serial=v1",
      ...["-smp", "1,maxcpus=2"],
    ],
  };
}

/** Ganeti, with descriptors of its tap interface and of vhost. */
export function ganeti(
  { folder }: ManagerFiles,
  { tap, vhost }: { readonly tap: number; readonly vhost: number },
  environment: Readonly<Record<string, string>>,
): Machine {
  const disk = {
    "driver": "raw",
    "node-name": "disk-0",
    "cache": { "direct": false, "no-flush": false },
    "file": { "driver": "file", "filename": `${folder}/disk.raw` },
  };
  return {
    name: "Ganeti",
    anonymous: true,
    environment,
    type: "pc",
    disk: "virtio-blk-pci,addr=0xa",
    daemonize: true,
    cpus: 2,
    extra: [
      ...["-name", "g1.example.org"],
      ...["-device", "virtio-balloon,id=balloon,bus=pci.0,addr=0x2"],
      ...["-D", `${folder}/g1.log`, "-boot", "c"],
      ...["-monitor", `unix:${folder}/ganeti/g1.monitor,server,nowait`],
      ...["-serial", `unix:${folder}/g1.serial,server,nowait`],
      ...["-vnc", `unix:${folder}/g1.vnc`, "-cpu", "qemu64"],
      ...["-uuid", "0d1e2f3a-4b5c-4d6e-8f7a-9b0c1d2e3f4a"],
      "-netdev",
      `type=tap,id=nic-0,fd=${tap},vhost=on,vhostfd=${vhost}`,
      "-device",
      "virtio-net-pci,id=nic-0,bus=pci.0,addr=0xd,netdev=nic-0," +
      "mac=aa:00:00:1a:2b:3c",
      ...["-qmp", `unix:${folder}/g1.qmp,server,nowait`],
      ...["-blockdev", json(disk)],
      ...[
        "-device",
        "virtio-blk-pci,id=disk-0,bus=pci.0,addr=0xc,drive=disk-0",
      ],
    ],
  };
}

/** microvm.nix, as a service of systemd. */
export function microvmNix({ folder, tap }: ManagerFiles): Machine {
  return {
    name: "microvm.nix",
    anonymous: true,
    type: "microvm,acpi=on,mem-merge=on,pcie=on,pic=off,pit=off,rtc=on,usb=off",
    disk: "virtio-blk-device",
    cpus: 2,
    extra: [
      ...["-name", "m1", "-no-reboot"],
      ...["-chardev", "stdio,id=stdio,signal=off"],
      ...["-device", "virtio-rng-pci", "-serial", "chardev:stdio"],
      ...["-cpu", "max,-sgx", "-device", "i8042"],
      "-drive",
      `id=store,format=raw,read-only=on,file=${folder}/disk.raw,if=none`,
      ...["-device", "virtio-blk-pci,drive=store"],
      ...["-nographic", "-sandbox", "on"],
      ...["-qmp", `unix:${folder}/m1.sock,server,nowait`],
      "-netdev",
      `tap,id=vm-m1,ifname=${tap},script=no,downscript=no,queues=2`,
      "-device",
      "virtio-net-pci,netdev=vm-m1,mac=02:00:00:01:01:01,mq=on,vectors=6",
    ],
  };
}

/** quickemu, which gives a VM a human monitor alone. */
export function quickemu({ folder }: ManagerFiles): Machine {
  return {
    name: "quickemu",
    anonymous: true,
    type: "q35,smm=off,vmport=off",
    disk: "virtio-blk-pci",
    extra: [
      ...["-name", "q1,process=q1", "-cpu", "max"],
      ...["-device", "virtio-balloon", "-rtc", "base=utc,clock=host"],
      ...["-pidfile", `${folder}/q1.pid`, "-vga", "none"],
      ...["-device", "virtio-rng-pci,rng=rng0"],
      ...["-object", "rng-random,id=rng0,filename=/dev/urandom"],
      ...["-device", "qemu-xhci,id=spicepass", "-device", "usb-ehci,id=input"],
      ...[
        "-device",
        "usb-kbd,bus=input.0",
        "-device",
        "usb-tablet,bus=input.0",
      ],
      ...[
        "-device",
        "virtio-net,netdev=nic",
        "-netdev",
        "user,hostname=q1,id=nic",
      ],
      ...["-monitor", `unix:${folder}/q1-monitor.socket,server,nowait`],
      ...["-serial", `unix:${folder}/q1-serial.socket,server,nowait`],
    ],
  };
}
