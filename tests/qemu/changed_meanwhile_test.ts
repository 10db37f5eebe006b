/** What changes between the checks and the stop: by a guest, or by a client. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import { qemuBuilds, toolOf } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  type Ending,
  orderOf,
  updateHere,
} from "../../testing/update/cprctl.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 60_000;

/** What happens as a phase begins, once more with each new start. */
type Events = Partial<Record<PhaseName, () => Promise<void>>>;

async function boot(extra: readonly string[] = []): Promise<VirtualMachine> {
  return await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: [...SECOND_MONITOR, ...extra] },
    "tcg",
  );
}

async function updateDuring(
  vm: VirtualMachine,
  events: Events,
): Promise<Ending> {
  await using _base = await Base.make();
  const order = orderOf(vm, builds.new);
  return await updateHere(order, async (phase) => await events[phase]?.());
}

function assertUpdatedAtOnce({ report, said }: Ending): void {
  assertEquals(report?.outcome, "updated", said);
  assertNotMatch(said, /Started over/);
}

/** Writes as the guest does, through its device. */
const WRITER = "/machine/peripheral/vd1/virtio-backend";

/** A folder with an empty image that grows. */
async function growingImage(folder: string, format: string): Promise<string> {
  const path = `${folder}/grows.${format}`;
  const { success } = await new Deno.Command(toolOf(builds.old, "qemu-img"), {
    args: ["create", "-q", "-f", format, path, "64M"],
  }).output();
  assert(success);
  return path;
}

for (const format of ["qcow2", "vmdk", "vdi", "vhdx", "vpc"]) {
  Deno.test(`a guest that writes into a growing ${format} is moved at once`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-grows-" });
    try {
      const image = await growingImage(folder, format);
      const file = `driver=file,filename=${image},node-name=file`;
      await using vm = await boot([
        ...["-blockdev", file],
        ...["-blockdev", `driver=${format},file=file,node-name=disk1`],
        ...["-device", "virtio-blk-pci,drive=disk1,id=vd1"],
      ]);
      const before = await Deno.stat(image);
      const ending = await updateDuring(vm, {
        migrate: () =>
          commandOfAnother(vm, "human-monitor-command", {
            "command-line": `qemu-io -d ${WRITER} "write -P 0x5a 8M 4M"`,
          }),
      });
      assert((await Deno.stat(image)).size > before.size, "It did not grow");
      assertUpdatedAtOnce(ending);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a guest that is reset is moved at once", async () => {
  await using vm = await boot();
  const ending = await updateDuring(vm, {
    migrate: () => commandOfAnother(vm, "system_reset"),
  });
  assertUpdatedAtOnce(ending);
});

const LATE = { id: "late", backend: { type: "null", data: {} } };

Deno.test("an update starts over when a client has changed the VM", async () => {
  await using vm = await boot();
  let starts = 0;
  const { report, said } = await updateDuring(vm, {
    async facts() {
      starts++;
      if (starts > 1) {
        await commandOfAnother(vm, "chardev-remove", { id: "late" });
      }
    },
    async migrate() {
      if (starts === 1) await commandOfAnother(vm, "chardev-add", LATE);
    },
  });
  assertEquals([report?.outcome, starts], ["updated", 2], said);
  assertMatch(
    said,
    /Started over: .*: Character device "late" is new; the VM runs on the old program; the guest was stopped for [\d.]+ ms/,
  );
  assertEquals(vm.executable(), builds.new.binary);
});

Deno.test("an update gives up when the VM keeps changing", async () => {
  await using vm = await boot();
  let starts = 0;
  const { report, said } = await updateDuring(vm, {
    async facts() {
      starts++;
      if (starts > 1) {
        await commandOfAnother(vm, "chardev-remove", { id: "late" });
      }
    },
    migrate: () => commandOfAnother(vm, "chardev-add", LATE),
  });
  assertEquals([report?.outcome, starts], ["rolled-back", 3], said);
  assert((report?.downtime_ms ?? 0) > 0, "It tells no downtime");
  assertEquals(vm.executable(), builds.old.binary);
  using ram = vm.ram();
  await ram.counterMoves(TIMEOUT_MS);
});
