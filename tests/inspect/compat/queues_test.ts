import { assert, assertEquals } from "@std/assert";
import { inspect } from "../../../lib/inspect/mod.ts";
import {
  compareDumps,
  type InUse,
  parseDump,
  sectionsInUse,
  verdictOf,
} from "../../../lib/inspect/compat/mod.ts";
import { data, virtioState } from "../../../testing/data/data.ts";
import { device, deviceStream } from "../../../testing/streams/foreign.ts";
import { inputOf } from "../../../testing/streams/streams.ts";

async function dumpOf(version: string) {
  const name = `dump-vmstate-q35-${version}.json`;
  return parseDump(new TextDecoder().decode(await data(name)), name);
}

/** What a VM has with one virtio device alone. */
async function inUseOf(state: string, vmsd: string): Promise<InUse> {
  const bytes = await virtioState(state);
  const field = { name: "virtio", type: "virtio", size: bytes.length };
  const description = { ...device([field]), vmsd_name: vmsd };
  const inspection = inspect(inputOf(deviceStream(bytes, description)));
  assert(inspection.format === "migration-stream");
  return sectionsInUse(inspection.sections);
}

Deno.test("a queue that QEMU 11.1 refuses is found", async () => {
  const [old, next] = [await dumpOf("10.0.13"), await dumpOf("11.1.2")];
  const inUse = await inUseOf("pci-rng-qemu-10.0.bin", "virtio-rng");
  const [finding] = compareDumps(old, next, inUse).findings;
  assert(finding !== undefined);
  const { rule, grade, hit, vmsd, field, detail } = finding;
  assertEquals([rule, grade, hit], ["queue-too-large", "refuse", true]);
  assertEquals([vmsd, field], ["virtio-rng", "queue 0"]);
  assertEquals(
    detail,
    "1024 entries are sent, and the device allocates 8: QEMU 11.1 refuses it",
  );
  assertEquals(verdictOf(compareDumps(old, next, inUse)), "refused");
});

Deno.test("of a program that may not have the check it is a warning", async () => {
  const [old, next] = [await dumpOf("10.0.13"), await dumpOf("11.1.2")];
  const inUse = await inUseOf("pci-rng-qemu-10.0.bin", "virtio-rng");
  for (const machine of ["pc-q35-10.0", "q35", "pc-q35-9.2"]) {
    const { findings } = compareDumps(old, { ...next, machine }, inUse);
    const [grade] = findings.filter(({ rule }) => rule === "queue-too-large")
      .map(({ grade }) => grade);
    assertEquals(grade, "warn", machine);
  }
});

Deno.test("of a queue whose size an option decides it is a warning", async () => {
  const [old, next] = [await dumpOf("10.0.13"), await dumpOf("11.1.2")];
  const inUse = await inUseOf("mmio-scsi-qemu-10.0.bin", "virtio-scsi");
  const { findings } = compareDumps(old, next, inUse);
  assertEquals(
    findings.filter(({ hit }) => hit).map(({ rule, grade, detail }) => [
      rule,
      grade,
      detail,
    ]),
    [[
      "queue-too-large",
      "warn",
      "1024 entries are sent, and the device allocates 256 by default: QEMU " +
      "11.1 refuses it",
    ]],
  );
});

Deno.test("a program without counts in its dump is older than the check", async () => {
  const inUse = await inUseOf("pci-rng-qemu-10.0.bin", "virtio-rng");
  const [old, next] = [await dumpOf("10.0.13"), await dumpOf("7.2.22")];
  assertEquals(verdictOf(compareDumps(old, next, inUse)), "compatible");
});

Deno.test("what saved a queue loads it", async () => {
  const inUse = await inUseOf("pci-rng-qemu-10.0.bin", "virtio-rng");
  for (const version of ["10.0.13", "11.1.2"]) {
    const [old, next] = [await dumpOf(version), await dumpOf(version)];
    assertEquals(verdictOf(compareDumps(old, next, inUse)), "compatible");
  }
});

Deno.test("queues of QEMU 11.1 are not too large", async () => {
  const states: Readonly<Record<string, string>> = {
    "express-9p.bin": "virtio-9p",
    "express-net.bin": "virtio-net",
    "pci-balloon.bin": "virtio-balloon",
    "pci-console.bin": "virtio-console",
    "pci-input.bin": "virtio-input",
    "pci-iommu.bin": "virtio-iommu",
    "pci-mem.bin": "virtio-mem",
    "pci-rng-packed.bin": "virtio-rng",
    "pci-scsi.bin": "virtio-scsi",
  };
  for (const [state, vmsd] of Object.entries(states)) {
    const inUse = await inUseOf(state, vmsd);
    assert("sections" in inUse && inUse.sections.has(vmsd));
    assertEquals(inUse.queues, [], state);
  }
});
