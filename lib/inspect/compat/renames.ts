/**
 * Names that QEMU has changed without changing a byte of the stream.
 *
 * @module
 */

/** Names of one field over time. */
type Names = readonly string[];

const DEV = ["dev", "parent_obj"];

/** Fields by the name of their description. */
const FIELDS: Readonly<Record<string, readonly Names[]>> = {
  I440FX: [DEV],
  PIIX3: [["pci_irq_levels", "pci_irq_levels_vmstate"]],
  e1000: [DEV],
  ehci: [["dev", "pcidev"]],
  ich9_ahci: [["card", "parent_obj"]],
  "ioh-3240-express-root-port": [
    ["port.br.dev", "parent_obj.parent_obj.parent_obj"],
    [
      "port.br.dev.exp.aer_log",
      "parent_obj.parent_obj.parent_obj.exp.aer_log",
    ],
  ],
  mch: [["d", "parent_obj"]],
  pci_bridge: [["bridge.dev", "parent_obj"], ["bridge.dev.shpc", "shpc"]],
  pcnet: [["pci_dev", "parent_obj"]],
  piix4_pm: [DEV, [
    "pci0_status",
    "acpi_pci_hotplug.acpi_pcihp_pci_status[0x0]",
  ]],
  qxl: [["num_surfaces", "ssd.num_surfaces"]],
  rtl8139: [DEV],
  "usb-host": [DEV],
  xhci: [["pci_dev", "parent_obj"]],
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

/** Every name that a type of device has had, its own first. */
export function namesOfType(type: string): readonly string[] {
  const known = TYPES.find((names) => names.includes(type)) ?? [];
  return [type, ...known.filter((name) => name !== type)];
}
