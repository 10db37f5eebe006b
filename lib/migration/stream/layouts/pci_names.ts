/** Names of PCI vendors, classes and capabilities. @module */

import { type Numbered, numbered } from "./numbered.ts";

/** Vendors of the devices that QEMU emulates. */
export const PCI_VENDORS: Numbered = numbered(`
  0x1000 LSI, 0x1002 ATI, 0x1011 DEC, 0x1013 Cirrus Logic, 0x1022 AMD,
  0x102b Matrox, 0x1033 NEC, 0x1057 Motorola, 0x106b Apple, 0x108e Sun,
  0x1095 Silicon Image, 0x10de NVIDIA, 0x10ec Realtek, 0x1106 VIA, 0x1234 QEMU,
  0x1274 Ensoniq, 0x15ad VMware, 0x1957 Freescale, 0x1af4 Red Hat (virtio),
  0x1b36 Red Hat (QEMU), 0x1b4b Marvell, 0x1d0f Amazon, 0x5853 XenSource,
  0x8086 Intel
`);

const CLASSES = numbered(`
  0x0100 SCSI storage, 0x0101 IDE storage, 0x0102 floppy controller,
  0x0104 RAID storage, 0x0106 SATA storage, 0x0107 SAS storage,
  0x0108 NVMe storage, 0x0180 storage, 0x0200 Ethernet, 0x0280 network,
  0x0300 VGA, 0x0302 3D display, 0x0380 display, 0x0400 video, 0x0401 audio,
  0x0403 HD audio, 0x0480 multimedia, 0x0500 RAM, 0x0502 CXL memory,
  0x0580 memory, 0x0600 host bridge, 0x0601 ISA bridge, 0x0604 PCI bridge,
  0x0680 bridge, 0x0700 serial port, 0x0701 parallel port,
  0x0702 multiport serial, 0x0703 modem, 0x0780 communication,
  0x0800 interrupt controller, 0x0801 DMA controller, 0x0805 SD controller,
  0x0806 IOMMU, 0x0880 system peripheral, 0x0900 keyboard, 0x0902 mouse,
  0x0980 input, 0x0c00 FireWire, 0x0c03 USB, 0x0c05 SMBus, 0x0c07 IPMI,
  0x1000 encryption, 0x1180 signal processing, 0x1200 accelerator, 0xff00 other
`);
/** Class and subclass of virtio devices before PCI had classes. */
const UNCLASSIFIED_VIRTIO = 0x00ff;

/** The name of a class: class in the high byte, subclass in the low one. */
export function pciClass(number: number): string | undefined {
  return number === UNCLASSIFIED_VIRTIO
    ? "unclassified, virtio"
    : CLASSES(number) ?? CLASSES(number & 0xff00);
}

/** Capabilities in the first 256 bytes. */
export const PCI_CAPABILITIES: Numbered = numbered(`
  0x01 power_management, 0x02 agp, 0x03 vpd, 0x04 slot, 0x05 msi, 0x07 pci_x,
  0x08 hypertransport, 0x09 vendor, 0x0c hot_plug, 0x0d bridge_subsystem,
  0x10 express, 0x11 msix, 0x12 sata, 0x13 advanced_features,
  0x14 enhanced_allocation
`);

/** Capabilities from 256 on, of PCI Express. */
export const EXPRESS_CAPABILITIES: Numbered = numbered(`
  0x01 advanced_errors, 0x02 virtual_channel, 0x03 serial_number,
  0x0b vendor_specific, 0x0d access_control, 0x0e alternative_routing,
  0x0f address_translation, 0x10 single_root_iov, 0x13 page_request,
  0x15 resizable_bar, 0x18 latency_tolerance, 0x19 secondary_express,
  0x1b process_address_space, 0x1e l1_substates, 0x23 designated_vendor,
  0x25 data_link_feature, 0x2e data_object_exchange
`);
