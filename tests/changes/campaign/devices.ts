/** Devices, vCPUs and memory that are plugged in and unplugged. */

import { isObject, type JsonObject } from "../../../lib/qmp/mod.ts";
import { chardev, iothread, memory, netdev } from "./back_ends.ts";
import { node } from "./disks.ts";
import {
  type Change,
  type ChangedVm,
  type Kind,
  NothingToChange,
} from "./changed_vm.ts";

/** What a device is made with. */
interface Plan {
  readonly given?: JsonObject;
  readonly uses?: readonly string[];
  readonly kind?: Kind;
}
type Plans = Readonly<Record<string, (it: ChangedVm) => Promise<Plan> | Plan>>;

const plain = () => ({});

async function onNode(it: ChangedVm, given: JsonObject = {}): Promise<Plan> {
  const drive = await node(it);
  return { given: { drive, ...given }, uses: [drive], kind: "disk" };
}

async function onNetwork(it: ChangedVm): Promise<Plan> {
  const id = await netdev(it);
  const mac = `52:54:00:00:00:${10 + it.random.below(89)}`;
  return {
    given: { netdev: id, ...it.chance(0.5) ? { mac } : {} },
    ...{ uses: [id], kind: "nic" },
  };
}

async function onChardev(it: ChangedVm): Promise<Plan> {
  const id = await chardev(it);
  return { given: { chardev: id }, uses: [id] };
}

const serial = (it: ChangedVm) =>
  it.chance(0.5) ? { serial: it.random.one(["s", `a "b", 1`, "ä"]) } : {};

const PCI: Plans = {
  "virtio-rng-pci": (it) => {
    const [rng] = it.unused("rng");
    return rng === undefined ? {} : { given: { rng: rng.id }, uses: [rng.id] };
  },
  "virtio-blk-pci": async (it) => {
    const threads = it.chance(0.4) ? [await iothread(it)] : [];
    const given: JsonObject = {
      ...serial(it),
      ...threads.length > 0 ? { iothread: threads[0] ?? "" } : {},
      ...it.chance(0.3) ? { "num-queues": 2 } : {},
      ...it.chance(0.3) ? { "write-cache": it.random.one(["on", "off"]) } : {},
      ...it.chance(0.2) ? { "logical_block_size": 4096 } : {},
      ...it.chance(0.2) ? { "config-wce": false } : {},
      ...it.chance(0.2) ? { "bootindex": 7 + it.random.below(1000) } : {},
    };
    const plan = await onNode(it, given);
    return { ...plan, uses: [...plan.uses ?? [], ...threads] };
  },
  "nvme": (it) => onNode(it, { serial: "n" }),
  "virtio-net-pci": async (it) => {
    const { given, ...rest } = await onNetwork(it);
    return {
      given: {
        ...given,
        ...it.chance(0.3) ? { romfile: "" } : {},
        ...it.chance(0.2) ? { host_mtu: 1400 } : {},
        ...it.chance(0.2) ? { mrg_rxbuf: false, guest_tso4: false } : {},
      },
      ...rest,
    };
  },
  "e1000e": onNetwork,
  "virtio-scsi-pci": (it) => ({
    kind: "scsi bus",
    given: it.chance(0.5) ? { "num_queues": 2 } : {},
  }),
  "virtio-serial-pci": () => ({ kind: "port bus", given: { max_ports: 4 } }),
  "virtio-keyboard-pci": plain,
  "qemu-xhci": plain,
  "ivshmem-plain": async (it) => {
    const id = await memory(it);
    return { given: { memdev: id, master: true }, uses: [id] };
  },
};

const USB: Plans = {
  "usb-tablet": plain,
  "usb-kbd": plain,
  "usb-mouse": plain,
  "usb-hub": plain,
  "usb-storage": (it) =>
    onNode(it, it.chance(0.3) ? { removable: true } : serial(it)),
};

const SCSI: Plans = {
  "scsi-hd": (it) =>
    onNode(it, {
      ...serial(it),
      ...it.chance(0.3) ? { rotation_rate: 7200, removable: true } : {},
      ...it.chance(0.3) ? { "scsi-id": 50 + it.random.below(100) } : {},
    }),
  "scsi-cd": (it) => it.chance(0.5) ? onNode(it) : {},
};

const PORT: Plans = {
  "virtserialport": async (it) => {
    const plan = await onChardev(it);
    return { ...plan, given: { ...plan.given, name: it.name("org.port") } };
  },
  "virtconsole": onChardev,
};

/** Plugs in one of these; without an id it is refused, and removed again. */
async function plug(
  it: ChangedVm,
  plans: Plans,
  place: JsonObject,
  { uses = [], unplugs = true }: { uses?: string[]; unplugs?: boolean } = {},
): Promise<string> {
  const driver = it.random.one(Object.keys(plans));
  const plan = await plans[driver]?.(it) ?? {};
  const id = it.name("dev");
  // Devices behind a hub are unplugged with it.
  const stays = driver === "usb-hub" || driver.startsWith("qemu-xhci");
  return await it.make(plan.kind ?? "device", id, "device_add", {
    ...{ driver, id },
    ...plan.given,
    ...place,
  }, {
    uses: [...plan.uses ?? [], ...uses],
    unplugs: unplugs && !stays,
  });
}

async function names(it: ChangedVm, path: string): Promise<string[]> {
  const list = await it.vm.command("qom-list", { path });
  return (Array.isArray(list) ? list : []).filter(isObject)
    .filter(({ type }) => String(type).startsWith("child<"))
    .map(({ name }) => String(name));
}

async function unplug(it: ChangedVm, id: string): Promise<void> {
  await it.run("device_del", { id });
  await it.until(
    `${id} is unplugged`,
    async () => !(await names(it, "/machine/peripheral")).includes(id),
  );
}

/** Those that an update carries over. */
export const DEVICES: readonly Change[] = [
  {
    name: "device_add PCI",
    apply: async (it) => {
      const { given, uses } = it.pciPlace();
      await plug(it, PCI, given, { uses, unplugs: it.unplugsPci });
    },
  },
  {
    name: "device_add USB",
    apply: async (it) =>
      void await plug(it, USB, {
        bus: "usb.0",
        ...it.chance(0.2) ? { port: `${5 + it.random.below(4)}` } : {},
      }),
  },
  {
    name: "device_add SCSI",
    apply: async (it) => {
      const { id } = it.oneOf(it.all("scsi bus"));
      await plug(it, SCSI, { bus: `${id}.0` }, { uses: [id] });
    },
  },
  {
    name: "device_add serial port",
    apply: async (it) => {
      const { id } = it.oneOf(it.all("port bus"));
      await plug(it, PORT, { bus: `${id}.0` }, { uses: [id] });
    },
  },
  {
    name: "device_del",
    apply: async (it) => {
      const { id } = it.oneOf(
        it.unused("device", "disk", "nic", "scsi bus", "port bus")
          .filter(({ unplugs }) => unplugs),
      );
      await unplug(it, id);
      it.forget(id);
    },
  },
  {
    name: "device_del of the command line",
    apply: async (it) => {
      const [tablet] = (await names(it, "/machine/peripheral"))
        .filter((name) => name === "tablet");
      if (tablet === undefined) throw new NothingToChange("it is gone");
      await unplug(it, tablet);
    },
  },
  {
    name: "device_add vCPU",
    apply: async (it) => {
      const list = await it.vm.command("query-hotpluggable-cpus");
      const slots = (Array.isArray(list) ? list : []).filter(isObject)
        .filter((slot) => slot["qom-path"] === undefined);
      const slot = it.oneOf(slots);
      await it.run("device_add", {
        driver: slot["type"] ?? "",
        id: it.name("cpu"),
        ...isObject(slot["props"]) ? slot["props"] : {},
      });
    },
  },
  {
    name: "device_add DIMM",
    apply: async (it) => {
      const memdev = await memory(it);
      const id = it.name("dimm");
      const given = { driver: "pc-dimm", id, memdev };
      const uses = { uses: [memdev], unplugs: false };
      await it.make("device", id, "device_add", given, uses);
    },
  },
];

/** Those that are refused by name. */
export const REFUSED_DEVICES: readonly Change[] = [
  {
    name: "device_add usb-net",
    apply: async (it) => {
      const id = await plug(it, { "usb-net": onNetwork }, { bus: "usb.0" });
      const undo = async () => {
        await unplug(it, id);
        it.forget(id);
      };
      return { check: "blockers", undo };
    },
  },
  {
    name: "device_add USB without an id",
    apply: async (it) => {
      const before = await names(it, "/machine/peripheral-anon");
      await it.run("device_add", { driver: "usb-mouse", bus: "usb.0" });
      const late = (await names(it, "/machine/peripheral-anon"))
        .filter((name) => !before.includes(name));
      const id = `/machine/peripheral-anon/${late[0]}`;
      const undo = async () => void await it.run("device_del", { id });
      return { check: "devices", undo };
    },
  },
];
