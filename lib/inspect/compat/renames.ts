/**
 * Fields and types that QEMU has renamed, without a change on the wire.
 *
 * @module
 */

/** The names of one field over time. */
type Names = readonly string[];

const DEV = ["dev", "parent_obj"];
const PCIE = ["PCIDevice", "PCIEDevice"];
/** The queue of a mouse or tablet, with vmsd name usb-ptr. */
const POINTER = ["usb-ptr-queue", "HIDPointerEventQueue"];

/** Fields by the name of their description. */
const FIELDS: Readonly<Record<string, readonly Names[]>> = {
  I440FX: [DEV],
  PIIX3: [["pci_irq_levels", "pci_irq_levels_vmstate"]],
  apic: [["timer", "timer_expiry"]],
  cirrus_vga: [
    ["hw_cursor_x", "vga.hw_cursor_x"],
    ["hw_cursor_y", "vga.hw_cursor_y"],
  ],
  e1000: [DEV],
  ehci: [["dev", "pcidev"]],
  esp: [["data_in_ready", "data_ready"], ["ti_cmd", "mig_ti_cmd"]],
  hpet: [["num_timers", "num_timers_save"]],
  "ich9-ahci": [["ahci", "ich9_ahci"]],
  ich9_ahci: [["card", "parent_obj"]],
  "ioh-3240-express-root-port": [
    ["port.br.dev", "parent_obj.parent_obj.parent_obj"],
    [
      "port.br.dev.exp.aer_log",
      "parent_obj.parent_obj.parent_obj.exp.aer_log",
    ],
  ],
  ioh3420: [PCIE],
  lsiscsi: [DEV],
  mch: [["d", "parent_obj"]],
  pci_bridge: [["bridge.dev", "parent_obj"], ["bridge.dev.shpc", "shpc"]],
  pcnet: [["pci_dev", "parent_obj"]],
  piix4_pm: [
    DEV,
    ["pci0_status", "acpi_pci_hotplug.acpi_pcihp_pci_status[0x0]"],
    ["pm1a.sts", "ar.pm1.evt.sts"],
    ["pm1a.en", "ar.pm1.evt.en"],
    ["pm1_cnt.cnt", "ar.pm1.cnt.cnt"],
    ["tmr.timer", "ar.tmr.timer"],
    ["tmr.overflow_time", "ar.tmr.overflow_time"],
    ["gpe", "ar.gpe"],
  ],
  qxl: [["num_surfaces", "ssd.num_surfaces"]],
  rtl8139: [DEV],
  spapr_pci: [
    ["dma_liobn[0]", "mig_liobn"],
    ["mem_win_addr", "mig_mem_win_addr"],
    ["mem_win_size", "mig_mem_win_size"],
    ["io_win_addr", "mig_io_win_addr"],
    ["io_win_size", "mig_io_win_size"],
  ],
  "usb-ccid": [["abProtocolDataStructure", "abProtocolDataStructure.data"]],
  "usb-host": [DEV],
  "usb-mouse": [POINTER],
  "usb-ptr": [POINTER],
  "usb-tablet": [POINTER],
  vmware_vga: [["card", "parent_obj"]],
  vmware_vga_internal: [["depth", "new_depth"]],
  "x3130-upstream": [PCIE],
  xhci: [["pci_dev", "parent_obj"]],
  "xio3130-downstream": [PCIE],
  "xio3130-express-downstream-port": [
    ["port.br.dev", "parent_obj.parent_obj.parent_obj"],
    [
      "port.br.dev.exp.aer_log",
      "parent_obj.parent_obj.parent_obj.exp.aer_log",
    ],
  ],
  "xio3130-express-upstream-port": [
    ["br.dev", "parent_obj.parent_obj"],
    ["br.dev.exp.aer_log", "parent_obj.parent_obj.exp.aer_log"],
  ],
};

/** Types of device. */
const TYPES: readonly Names[] = [
  ["ICH9 LPC", "ICH9-LPC"],
  ["e1000-82540em", "e1000"],
];

/** Whether two names of a description's fields mean the same one. */
export function isSameField(vmsd: string, a: string, b: string): boolean {
  if (a === b) return true;
  const known = Object.hasOwn(FIELDS, vmsd) ? FIELDS[vmsd] ?? [] : [];
  return known.some((names) => names.includes(a) && names.includes(b));
}

/** Every name that a device type has had, the current one first. */
export function namesOfType(type: string): readonly string[] {
  const known = TYPES.find((names) => names.includes(type)) ?? [];
  return [type, ...known.filter((name) => name !== type)];
}
