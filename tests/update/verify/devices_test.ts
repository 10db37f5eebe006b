import { assertEquals } from "@std/assert";
import type { Json } from "../../../lib/qmp/mod.ts";
import { devices, pciDevices } from "../../../lib/update/verify/devices.ts";
import { differencesBetween } from "../../../lib/update/verify/difference.ts";

/** A PCI device as query-pci tells it, and what differs in it. */
const device = (slot: number, more: Readonly<Record<string, Json>> = {}) => ({
  bus: 0,
  slot,
  function: 0,
  id: { vendor: 6900, device: 4097 },
  irq: 10,
  irq_pin: 1,
  regions: [{ bar: 0, type: "io", address: 49152, size: 128 }],
  qdev_id: "",
  ...more,
});
const bus = (...devices: Json[]): Json => [{ bus: 0, devices }];

/** Names and fields of what differs. */
function differing(one: Json, other: Json): string[] {
  const [before, after] = [one, other].map((pci) => pciDevices.of({ pci }));
  return [...differencesBetween("PCI device", before!, after!)]
    .map(({ name, field = "" }) => `${name} ${field}`.trim());
}

Deno.test("unchanged PCI devices compare as equal, in any order", () => {
  assertEquals(
    differing(
      bus(device(1), device(2)),
      bus(device(2, { new: 1 }), device(1)),
    ),
    [],
  );
});

Deno.test("a PCI device that was reset, added or removed is named", () => {
  const before = bus(device(1), device(17));
  const lost = [{ bar: 0, type: "io", address: -1, size: 128 }];
  const cases: [Json, string[]][] = [
    [bus(device(1), device(17, { regions: lost })), ["00:11.0 bar 0.address"]],
    [bus(device(1), device(17, { irq: 0 })), ["00:11.0 irq"]],
    [bus(device(1)), ["00:11.0"]],
    [before, []],
    [bus(device(1), device(17), device(2)), ["00:02.0"]],
    [
      bus(device(1), device(17, { id: { vendor: 1, device: 4097 } })),
      ["00:11.0 id.vendor"],
    ],
  ];
  for (const [after, expected] of cases) {
    assertEquals(differing(before, after), expected);
  }
});

Deno.test("PCI devices behind bridges count", () => {
  const bridge = (irq: number) =>
    device(3, {
      pci_bridge: {
        bus: { number: 0, secondary: 1, subordinate: 1 },
        devices: [{ ...device(0, { irq }), bus: 1 }],
      },
    });
  assertEquals(differing(bus(bridge(10)), bus(bridge(0))), ["01:00.0 irq"]);
  const moved = device(3, {
    pci_bridge: { bus: { number: 0, secondary: 0, subordinate: 0 } },
  });
  assertEquals(differing(bus(bridge(10)), bus(moved)), [
    "00:03.0 bus.secondary",
    "00:03.0 bus.subordinate",
    "01:00.0",
  ]);
});

const TREE = `bus: main-system-bus
  type System
  dev: q35-pcihost, id ""
    bus: pcie.0
      type PCIE
      dev: virtio-net-pci, id "net0"
        addr = 04.0
        class Ethernet controller, addr 00:04.0, pci id 1af4:1000 (sub 1af4:1)
        bus: virtio-bus
          type virtio-pci-bus
          dev: virtio-net-device, id ""
            mac = "52:54:00:12:34:56"
      dev: e1000, id ""
        class Ethernet controller, addr 00:05.0, pci id 8086:100e (sub 1af4:2)
      dev: ICH9-LPC, id ""
        bus: isa.0
          type ISA
          dev: vmmouse, id ""
            i8042 = "/machine/unattached/device[9]"
          dev: i8257, id ""
            base = 0 (0x0)
          dev: i8257, id ""
            base = 192 (0xc0)
`;

Deno.test("devices on buses are named by id, address or place", () => {
  const found = devices.of({ deviceTree: TREE.replaceAll("\n", "\r\n") });
  assertEquals([...found.keys()], [
    "q35-pcihost",
    "net0",
    "net0/virtio-net-device",
    "e1000 00:05.0",
    "q35-pcihost/ICH9-LPC",
    "q35-pcihost/ICH9-LPC/vmmouse",
    "q35-pcihost/ICH9-LPC/i8257",
    "q35-pcihost/ICH9-LPC/i8257 #2",
  ]);
  assertEquals(Object.fromEntries(found.get("net0") ?? []), {
    "type": "virtio-net-pci",
    "bus": "pcie.0",
    "address": "00:04.0",
    "pci id": "1af4:1000 (sub 1af4:1)",
    "addr": "04.0",
  });
  assertEquals(
    found.get("q35-pcihost/ICH9-LPC/vmmouse")?.get("i8042"),
    '"/machine/unattached/device[]"',
  );
});

Deno.test("names of devices are bounded, however deep the tree is", () => {
  const lines = Array.from(
    { length: 2000 },
    (_, at) => `${" ".repeat(2 * at)}dev: ${"t".repeat(100)}, id ""`,
  );
  const found = devices.of({ deviceTree: lines.join("\n") });
  assertEquals(found.size, 2000);
  assertEquals([...found.keys()].every((name) => name.length < 300), true);
});
