/**
 * The options of qemu-system-x86_64 11.1: which of them take a value, and their
 * implied keys.
 *
 * @module
 */

/** How an option is parsed. */
export interface OptionSpec {
  /** Whether the next word is the option's value. */
  readonly takesValue: boolean;
  /** Key of the value's first item, if that has none. */
  readonly impliedKey?: string;
  /** The option that this is an alias of. */
  readonly aliasOf?: string;
}

/** Options by name, without the dash. */
export type OptionTable = ReadonlyMap<string, OptionSpec>;

const SWITCHES = words(`
  S daemonize enable-kvm enable-sync-profile full-screen help jitdump
  mem-prealloc no-fd-bootchk no-reboot no-shutdown no-user-config nodefaults
  nographic only-migratable perfmap preconfig s semihosting snapshot usb
  version win2k-hack xen-attach xen-domid-restrict
`);

const VALUES = words(`
  D L acpitable action add-fd append bios cdrom compat cpu d debugcon
  dfilter drive dtb dump-vmstate echr fda fdb g gdb global hda hdb hdc hdd
  incoming initrd iscsi k kernel loadvm mem-path monitor msg mtdblock
  option-rom overcommit parallel pflash pidfile prom-env qmp qmp-pretty
  qtest qtest-log readconfig rtc run-with sd seed serial set shim smbios
  spice usbdevice uuid vga watchdog-action xen-domid
`);

/** Options with an implied key. */
const IMPLIED: Readonly<Record<string, string>> = {
  accel: "accel",
  audio: "driver",
  audiodev: "driver",
  blockdev: "driver",
  boot: "order",
  chardev: "backend",
  device: "driver",
  display: "type",
  fsdev: "fsdriver",
  fw_cfg: "name",
  icount: "shift",
  m: "size",
  machine: "type",
  mon: "chardev",
  name: "guest",
  net: "type",
  netdev: "type",
  nic: "type",
  numa: "type",
  object: "qom-type",
  plugin: "file",
  sandbox: "enable",
  "semihosting-config": "enable",
  smp: "cpus",
  tpmdev: "type",
  trace: "enable",
  virtfs: "fsdriver",
  vnc: "vnc",
};

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Every option of qemu-system-x86_64 11.1. */
export const QEMU_OPTIONS: OptionTable = new Map<string, OptionSpec>([
  ...SWITCHES.map((name) => [name, { takesValue: false }] as const),
  ...VALUES.map((name) => [name, { takesValue: true }] as const),
  ...Object.entries(IMPLIED).map(([name, impliedKey]) =>
    [name, { takesValue: true, impliedKey }] as const
  ),
  ["M", { takesValue: true, impliedKey: "type", aliasOf: "machine" }],
  ["h", { takesValue: false, aliasOf: "help" }],
]);
