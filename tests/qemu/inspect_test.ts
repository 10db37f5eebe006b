import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  changeOfField,
  extractRam,
  inspect,
  openInput,
  selectSections,
  type StreamInspection,
  verify,
  writeChanged,
} from "../../lib/inspect/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  type Machine,
  MACHINES,
  PLAIN,
  saveTo,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import { until } from "../../testing/program/until.ts";
import { makeImage } from "./disk_image.ts";

const builds = await qemuBuilds();

const PATIENCE_MS = 30_000;

/** How a stream is made that looks in a way of its own. */
interface Form {
  readonly capabilities: readonly string[];
  readonly machine?: Machine;
  /** How often it goes through guest memory at least. */
  readonly passes?: number;
  /** What is done before. */
  readonly prepare?: (vm: VirtualMachine) => Promise<void>;
  /** The guest goes on while its memory is saved. */
  readonly isLive?: true;
  /** What only such a stream has. */
  readonly check?: (inspection: StreamInspection) => void;
}

const UUID = "00112233-4455-6677-8899-aabbccddeeff";

const FORMS: Readonly<Record<string, Form>> = {
  "normal": { capabilities: [] },
  "mapped-ram": { capabilities: ["mapped-ram"] },
  "mapped-ram by many channels": { capabilities: ["mapped-ram", "multifd"] },
  "x-ignore-shared": { capabilities: ["x-ignore-shared"] },
  "x-ignore-shared with mapped-ram": {
    capabilities: ["x-ignore-shared", "mapped-ram"],
  },
  "xbzrle": {
    capabilities: ["xbzrle"],
    // The first to send all, the next to remember what the guest writes.
    passes: 4,
    check: ({ ram }) => assert(ram.some((block) => block.xbzrlePages > 0)),
  },
  "validate-uuid": {
    capabilities: ["validate-uuid"],
    machine: { ...PLAIN, extra: ["-uuid", UUID] },
    check: ({ decoded }) =>
      assertEquals(
        decoded.configuration?.uuid?.toHex(),
        UUID.replaceAll("-", ""),
      ),
  },
  "dirty bitmaps": {
    capabilities: ["dirty-bitmaps"],
    async prepare(vm) {
      await using qmp = await vm.monitor();
      const bitmap = { node: "disk", name: "changed" };
      await qmp.execute("block-dirty-bitmap-add", bitmap);
    },
    check: ({ sections }) => {
      const bitmap = sections.find(({ name }) => name === "dirty-bitmap");
      assert(bitmap !== undefined && bitmap.size > 0);
    },
  },
  "background snapshot": {
    capabilities: ["background-snapshot"],
    isLive: true,
    check: ({ decoded }) =>
      assert(!decoded.records.some(({ type }) => type === "end")),
  },
};

const NAMES = ["q35, every virtio", "q35, nvme", "q35, usb", "pc, ide"];
const OTHERS = MACHINES.filter(({ name, type }) =>
  NAMES.includes(name) || type === "microvm"
);

/** Every other one is of each build. */
const BUILDS = [builds.old, builds.new];

for (const [turn, build] of BUILDS.entries()) {
  const accelerator = (await accelerators(build))[0] ?? "tcg";
  const version = `QEMU ${build.version}`;
  const isItsTurn = (_: unknown, at: number) => at % BUILDS.length === turn;

  for (const [name, form] of Object.entries(FORMS).filter(isItsTurn)) {
    Deno.test(`a stream of ${version} is read completely: ${name}`, async () => {
      const { capabilities, machine = PLAIN } = form;
      await using vm = await VirtualMachine.boot(build, machine, accelerator);
      const path = `${vm.folder}/vm.state`;
      await form.prepare?.(vm);
      await saveTo(vm, path, capabilities, form.passes);
      const inspection = await isReadWhole(path, capabilities);
      form.check?.(inspection);
      if (form.isLive === undefined) await hasTheMemory(vm, path);
    });
  }

  for (const machine of OTHERS.filter(isItsTurn)) {
    Deno.test(`a stream of ${version} is read completely: ${machine.name}`, async () => {
      await using vm = await VirtualMachine.start(build, machine, accelerator);
      const path = `${vm.folder}/vm.state`;
      await saveTo(vm, path);
      const { sections } = await isReadWhole(path);
      const cpus = sections.filter(({ name }) => name === "cpu");
      assertEquals(cpus.length, machine.cpus ?? 1);
    });
  }
}

Deno.test("QEMU loads a stream with a changed field, and has its value", async () => {
  const accelerator = (await accelerators(builds.new))[0] ?? "tcg";
  const paused = ["-S"];
  await using old = await VirtualMachine.start(
    builds.new,
    { ...PLAIN, extra: paused },
    accelerator,
  );
  const [before, after] = ["before", "after"].map((it) =>
    `${old.folder}/${it}`
  );
  assert(before !== undefined && after !== undefined);
  await saveTo(old, before);
  using input = await openInput(before);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const sections = selectSections(inspection.sections, "cpu:0");
  const change = changeOfField(inspection, sections, {
    path: "env.regs[3]",
    text: "0x11223344",
  });
  writeChanged(input, change, after);
  await using now = await VirtualMachine.start(
    builds.new,
    { ...PLAIN, extra: [...paused, "-incoming", "defer"] },
    accelerator,
  );
  await using qmp = await now.monitor();
  await qmp.execute("migrate-incoming", { uri: `file:${after}` });
  await until("the stream is loaded", PATIENCE_MS, async () => {
    const reply = JSON.stringify(await qmp.execute("query-migrate"));
    assert(!reply.includes('"failed"'), reply);
    return reply.includes('"completed"');
  });
  const registers = await qmp.execute("human-monitor-command", {
    "command-line": "info registers",
  });
  assertStringIncludes(String(registers), "EBX=11223344");
});

Deno.test("snapshots in a qcow2 image are read by their names", async () => {
  const accelerator = (await accelerators(builds.new))[0] ?? "tcg";
  await using vm = await VirtualMachine.start(builds.new, PLAIN, accelerator);
  const path = await makeImage(builds.new, `${vm.folder}/disk.qcow2`);
  await using qmp = await vm.monitor();
  const file = { driver: "file", filename: path };
  await qmp.execute("blockdev-add", {
    ...{ driver: "qcow2", "node-name": "saved", file },
  });
  for (const tag of ["first", "second"]) {
    const id = { "job-id": tag, tag, vmstate: "saved", devices: ["saved"] };
    await qmp.execute("snapshot-save", id);
    await until("the snapshot is saved", PATIENCE_MS, async () => {
      const jobs = await qmp.execute("query-jobs");
      return JSON.stringify(jobs).includes('"concluded"');
    });
    await qmp.execute("job-dismiss", { id: tag });
  }
  for (const snapshot of ["first", "2"]) {
    const { ram } = await isReadWhole(path, [], snapshot);
    assert(ram.some(({ name, pages }) => name === "ram0" && pages > 0));
  }
});

async function isReadWhole(
  path: string,
  capabilities: readonly string[] = [],
  snapshot?: string,
): Promise<StreamInspection> {
  using input = await openInput(path, { snapshot });
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const { problem, decoded, sections, undescribed } = inspection;
  assertEquals([problem, undescribed], [undefined, undefined]);
  const devices = sections.filter(({ state }) => state !== undefined);
  assertEquals(devices.length, decoded.vmdesc?.description.devices.length);
  const { bytes, notUnderstood } = verify(inspection, input);
  assertEquals([bytes, decoded.trailing.length], [input.bytes.length, 0]);
  assert(notUnderstood < bytes / 100, `${notUnderstood} not understood`);
  const layout = ["x-ignore-shared", "mapped-ram"].filter((name) =>
    capabilities.includes(name)
  );
  assertEquals(decoded.configuration?.capabilities, layout);
  return inspection;
}

/** Holds what is extracted against the memory that the VM still has. */
async function hasTheMemory(
  vm: VirtualMachine,
  path: string,
): Promise<void> {
  using input = await openInput(path);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const folder = `${vm.folder}/ram`;
  const extracted = extractRam(inspection, input, folder)
    .find(({ block }) => block === "ram0");
  assert(extracted !== undefined);
  const bytes = Deno.readFileSync(extracted.path);
  using ram = vm.ram();
  const real = ram.read(0, ram.size);
  assertEquals(bytes.length, real.length);
  assertEquals(bytes.findIndex((byte, at) => byte !== real[at]), -1);
}
