import { assertEquals } from "@std/assert";
import { devicesIn } from "../../../lib/update/vm/device_tree.ts";

/** As QEMU 11.1 prints it, with fewer properties. */
const PRINTED = `bus: main-system-bus
  type System
  dev: hpet, id ""
    gpio-in "" 2
    mmio 00000000fed00000/0000000000000400
  dev: q35-pcihost, id ""
    bus: pcie.0
      type PCIE
      dev: virtio-blk-pci, id "disk"
        class = 0 (0x0)
        addr = 04.0
        class SCSI controller, addr 00:04.0, pci id 1af4:1001 (sub 1af4:0002)
        bar 0: i/o at 0xd000 [0xd07f]
        bar 1: mem at 0xfeb12000 [0xfeb12fff]
        bar 6: mem at 0xffffffffffffffff [0x3fffe]
        bus: virtio-bus
          type virtio-pci-bus
          dev: virtio-blk-device, id ""
            drive = "disk"
      dev: pcie-root-port, id "a \\"port"
        class PCI bridge, addr 00:02.0, pci id 1b36:000c (sub 0000:0000)
        bar 0: mem at 0xfeb10000 [0xfeb10fff]
        bus: rp
          type PCIE
          dev: e1000, id ""
            class Ethernet controller, addr 01:00.0, pci id 8086:100e (sub 1:2)
      dev: ICH9-LPC, id ""
        class ISA bridge, addr 00:1f.0, pci id 8086:2918 (sub 1af4:1100)
        bus: isa.0
          type ISA
          dev: port92, id ""
  dev: fw_cfg_io, id ""
`;

Deno.test("devices have their bus, and what a guest sees", () => {
  const devices = devicesIn(PRINTED.split("\n"));
  assertEquals(
    devices.map(({ type, busType, pci }) => [
      type,
      busType,
      pci && `${pci.address} ${pci.isBridge} ${pci.bars} ${pci.mapped}`,
    ]),
    [
      ["hpet", "System", undefined],
      ["q35-pcihost", "System", undefined],
      ["virtio-blk-pci", "PCIE", "00:04.0 false 3 2"],
      ["virtio-blk-device", "virtio-pci-bus", undefined],
      ["pcie-root-port", "PCIE", "00:02.0 true 1 1"],
      ["e1000", "PCIE", "01:00.0 false 0 0"],
      ["ICH9-LPC", "PCIE", "00:1f.0 false 0 0"],
      ["port92", "ISA", undefined],
      ["fw_cfg_io", "System", undefined],
    ],
  );
  assertEquals(devices[2]?.children.map(({ type }) => type), [
    "virtio-blk-device",
  ]);
  assertEquals(devices[2]?.id, "disk");
  assertEquals(devices[2]?.bus, "pcie.0");
  assertEquals(devices[2]?.pci?.ids, "1af4:1001 (sub 1af4:0002)");
  assertEquals([...devices[2]?.properties ?? []], [
    ["class", "0 (0x0)"],
    ["addr", "04.0"],
  ]);
  assertEquals(devices[3]?.properties.get("drive"), '"disk"');
});

Deno.test("other output has no devices", () => {
  assertEquals(
    devicesIn(["", "unknown", "  bar 0: mem", "class a, addr 1"]),
    [],
  );
});
