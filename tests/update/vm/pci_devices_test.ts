import { assertThrows } from "@std/assert";
import {
  anything,
  command,
  type Json,
  optional,
  QmpClient,
  QmpServer,
} from "../../../lib/qmp/mod.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { PciDevices } from "../../../lib/update/vm/pci_devices.ts";

const CONNECT_MS = 5_000;

/** The devices of a monitor that answers so; of one that knows no PCI. */
async function devicesOf(answer?: Json): Promise<PciDevices> {
  const folder = await Deno.makeTempDir();
  const address = { path: `${folder}/qmp.sock` };
  const server = new QmpServer({
    version: { major: 11, minor: 1, micro: 2, package: "" },
    commands: new Map(
      answer === undefined ? [] : [[
        "query-pci",
        command({ none: optional(anything()) }, () => answer),
      ]],
    ),
  });
  try {
    server.listen(address);
    await using client = await QmpClient.connect(address, {
      timeoutMs: CONNECT_MS,
    });
    return await PciDevices.take(client);
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A device, and what differs in it. */
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

async function assertDiffers(one: Json, other: Json, what: string) {
  const [before, after] = [await devicesOf(one), await devicesOf(other)];
  assertThrows(() => before.requireSame(after), UpdateProblem, what);
}

Deno.test("unchanged devices compare as equal", async () => {
  const before = await devicesOf(bus(device(1), device(2)));
  before.requireSame(await devicesOf(bus(device(2, { new: 1 }), device(1))));
  const none = await devicesOf();
  none.requireSame(await devicesOf([]));
});

Deno.test("a device that was reset, added or removed is named", async () => {
  const before = bus(device(1), device(17));
  const lost = [{ bar: 0, type: "io", address: -1, size: 128 }];
  const cases = [
    bus(device(1), device(17, { regions: lost })),
    bus(device(1), device(17, { irq: 0 })),
    bus(device(1)),
    bus(device(1), device(17, { id: { vendor: 1, device: 2 } })),
  ];
  for (const after of cases) await assertDiffers(before, after, "00:11.0");
});

Deno.test("devices behind bridges count", async () => {
  const bridge = (irq: number) =>
    device(3, {
      pci_bridge: {
        bus: { number: 0, secondary: 1, subordinate: 1 },
        devices: [{ ...device(0, { irq }), bus: 1 }],
      },
    });
  await assertDiffers(bus(bridge(10)), bus(bridge(0)), "01:00.0");
  const moved = device(3, {
    pci_bridge: { bus: { number: 0, secondary: 0, subordinate: 0 } },
  });
  await assertDiffers(bus(bridge(10)), bus(moved), "00:03.0");
});
