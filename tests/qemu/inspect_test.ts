import { assert, assertEquals } from "@std/assert";
import {
  extractRam,
  inspect,
  openInput,
  type StreamInspection,
  verify,
} from "../../lib/inspect/mod.ts";
import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import {
  accelerators,
  MACHINES,
  PLAIN,
  saveTo,
  VirtualMachine,
} from "./harness/mod.ts";

const builds = await qemuBuilds();

/** Capabilities that change how a stream looks. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  "normal": [],
  "mapped-ram": ["mapped-ram"],
  "mapped-ram by many channels": ["mapped-ram", "multifd"],
  "x-ignore-shared": ["x-ignore-shared"],
  "xbzrle": ["xbzrle"],
};

const NAMES = ["q35, every virtio", "q35, nvme", "q35, usb", "pc, ide"];
const OTHERS = MACHINES.filter(({ name, type }) =>
  NAMES.includes(name) || type === "microvm"
);

for (const build of [builds.old, builds.new]) {
  const accelerator = (await accelerators(build))[0] ?? "tcg";
  const version = `QEMU ${build.version}`;

  for (const [form, capabilities] of Object.entries(FORMS)) {
    Deno.test(`a stream of ${version} is read whole: ${form}`, async () => {
      await using vm = await VirtualMachine.boot(build, PLAIN, accelerator);
      const path = `${vm.folder}/vm.state`;
      await saveTo(vm, path, capabilities);
      isReadWhole(path, capabilities);
      hasTheMemory(vm, path);
    });
  }

  for (const machine of OTHERS) {
    Deno.test(`a stream of ${version} is read whole: ${machine.name}`, async () => {
      await using vm = await VirtualMachine.start(build, machine, accelerator);
      const path = `${vm.folder}/vm.state`;
      await saveTo(vm, path);
      const { sections } = isReadWhole(path);
      const cpus = sections.filter(({ name }) => name === "cpu");
      assertEquals(cpus.length, machine.cpus ?? 1);
    });
  }
}

function isReadWhole(
  path: string,
  capabilities: readonly string[] = [],
): StreamInspection {
  using input = openInput(path);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  const { problem, decoded, sections, undescribed } = inspection;
  assertEquals([problem, undescribed], [undefined, undefined]);
  assertEquals(
    sections.length - 1,
    decoded.vmdesc?.description.devices.length,
  );
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
function hasTheMemory(vm: VirtualMachine, path: string): void {
  using input = openInput(path);
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
