/**
 * What is decoded of virtio devices is what QEMU's devices have: queues as its
 * monitor tells them, status and features as a guest would read them. QEMU can
 * be asked for all of these at once, but 11.1 ends with an assertion then.
 */

import { assert, assertEquals } from "@std/assert";
import { inspect, openInput } from "../../lib/inspect/mod.ts";
import {
  type DecodedStruct,
  type DecodedValue,
  isStruct,
} from "../../lib/migration/stream/mod.ts";
import {
  type Json,
  type QmpClient,
  QmpCommandError,
} from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  MACHINES,
  PLAIN,
  saveTo,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

const NAMES = ["q35, every virtio", "microvm, virtio-blk"];
const BEHIND_PORT = {
  ...PLAIN,
  name: "q35, virtio behind a root port",
  disk: "virtio-blk-pci,bus=rp",
  extra: [
    ...["-device", "pcie-root-port,id=rp"],
    ...["-device", "virtio-keyboard-pci", "-device", "virtio-iommu-pci"],
  ],
};

const THEM = MACHINES.filter(({ name }) => NAMES.includes(name));
/** Every other machine has each build. */
const BUILDS = [builds.old, builds.new];

for (const [turn, build] of BUILDS.entries()) {
  const accelerator = (await accelerators(build))[0] ?? "tcg";
  const machines = [...THEM, BEHIND_PORT];
  for (const [at, machine] of machines.entries()) {
    if (at % BUILDS.length !== turn) continue;
    Deno.test(`QEMU ${build.version} has the same in its virtio devices: ${machine.name}`, async () => {
      await using vm = await VirtualMachine.boot(build, machine, accelerator);
      const path = `${vm.folder}/vm.state`;
      await saveTo(vm, path);
      const devices = await decoded(path);
      await using qmp = await vm.monitor();
      const said = await queuesSaid(qmp);
      assertEquals([...devices.keys()].toSorted(), [...said.keys()].toSorted());
      let driven = 0;
      for (const [name, device] of devices) {
        assertEquals(queuesOf(device.struct), said.get(name), name);
        const registers = await read(qmp, device);
        const expected = Object.keys(registers).map((field) => [
          field,
          Number(valueOf(device.struct, field)),
        ]);
        assertEquals(registers, Object.fromEntries(expected), name);
        if ((Number(registers["status"]) & DRIVER_OK) !== 0) driven++;
      }
      assert(driven > 0, "the firmware drives none");
      const queues = [...said.values()].flat();
      assert(queues.some(({ index }) => index > 0), "no queue was used");
    });
  }
}

const DRIVER_OK = 4;

/** A queue as both sides know it. */
interface Queue {
  readonly num: number;
  readonly descriptors: number;
  readonly index: number;
}

/** The queues of every device, by the name of its description. */
async function queuesSaid(
  qmp: QmpClient,
): Promise<Map<string, readonly Queue[]>> {
  const list = await qmp.execute("x-query-virtio");
  assert(Array.isArray(list));
  const found = new Map<string, readonly Queue[]>();
  for (const device of list) {
    const name = String(member(device, "name"));
    const queues: Queue[] = [];
    for (;;) {
      const said = await queueSaid(qmp, member(device, "path"), queues.length);
      if (said === undefined) break;
      queues.push(said);
    }
    // The description of a console has a name of its own.
    found.set(name === "virtio-serial" ? "virtio-console" : name, queues);
  }
  return found;
}

/** Past the last queue there is none. */
async function queueSaid(
  qmp: QmpClient,
  path: Json,
  queue: number,
): Promise<Queue | undefined> {
  try {
    const said = await qmp.execute("x-query-virtio-queue-status", {
      path,
      queue,
    });
    return {
      num: Number(member(said, "vring-num")),
      descriptors: Number(member(said, "vring-desc")),
      index: Number(member(said, "last-avail-idx")),
    };
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    return undefined;
  }
}

function member(value: Json | undefined, name: string): Json {
  assert(typeof value === "object" && value !== null && !Array.isArray(value));
  return value[name] ?? null;
}

/** What a guest would read, by the field that has it. */
async function read(
  qmp: QmpClient,
  { section, struct }: Device,
): Promise<Record<string, number>> {
  const [, mmio] = /@([0-9a-f]+)\//.exec(section) ?? [];
  if (mmio !== undefined) {
    return { status: await ask(qmp, `xp /1xw 0x${mmio}+0x70`) };
  }
  const config = valueOf(struct, "config");
  assert(isStruct(config));
  const legacy = Number(valueOf(config, "bar0"));
  const isLegacy = (legacy & 1) === 1 &&
    (Number(valueOf(config, "command")) & 1) === 1;
  if (isLegacy) {
    const port = legacy & ~3;
    return {
      features_low: await ask(qmp, `i /xw ${port + 4}`),
      queue_sel: await ask(qmp, `i /xh ${port + 14}`),
      status: await ask(qmp, `i /xb ${port + 18}`),
    };
  }
  const modern = BigInt(Number(valueOf(config, "bar4"))) & ~0xfn;
  if (modern === 0n) return {};
  return { status: await ask(qmp, `xp /1xb ${modern + 0x14n}`) };
}

/** The number at the end of what the human monitor answers. */
async function ask(qmp: QmpClient, line: string): Promise<number> {
  const said = await qmp.execute("human-monitor-command", {
    "command-line": line,
  });
  const number = /(0x[0-9a-f]+)\s*$/.exec(String(said))?.[1];
  assert(number !== undefined, `${line}: ${said}`);
  return Number(number);
}

/** A device in the stream. */
interface Device {
  readonly section: string;
  readonly struct: DecodedStruct;
}

/** By the names of their descriptions. */
async function decoded(path: string): Promise<Map<string, Device>> {
  using input = await openInput(path);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const found = new Map<string, Device>();
  for (const { name: section, state } of inspection.sections) {
    if (state === undefined || !isStruct(state)) continue;
    const field = state.fields.find(({ type }) => type === "virtio");
    if (field === undefined) continue;
    assert(isStruct(field.value), field.reason);
    found.set(state.vmsd, { section, struct: field.value });
  }
  return found;
}

function queuesOf(struct: DecodedStruct): Queue[] {
  const queues = valueOf(struct, "queues");
  assert(Array.isArray(queues));
  return queues.filter(isStruct).map((queue) => ({
    num: Number(valueOf(queue, "num")),
    descriptors: Number(valueOf(queue, "descriptors")),
    index: Number(valueOf(queue, "last_avail_idx")),
  }));
}

function valueOf({ fields }: DecodedStruct, name: string): DecodedValue {
  const field = fields.find((each) => each.name === name);
  assert(field !== undefined, name);
  return field.value;
}
