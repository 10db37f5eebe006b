/** Somebody else has a monitor of the VM, and uses it while cprctl works. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  type Ending,
  orderOf,
  updateHere,
} from "../../testing/update/cprctl.ts";
import { membersOf } from "../../testing/update/members.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

/** What somebody else does, and when. */
interface Interference {
  readonly at: PhaseName;
  readonly command: string;
  readonly words?: (vm: VirtualMachine) => JsonObject;
}

/** A VM with a second monitor. */
async function withSecondMonitor(
  extra: readonly string[] = [],
): Promise<VirtualMachine> {
  return await VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: [...SECOND_MONITOR, ...extra] },
    "tcg",
  );
}

async function updateUnder(
  vm: VirtualMachine,
  { at, command, words }: Interference,
): Promise<Ending> {
  await using _base = await Base.make();
  const order = orderOf(vm, builds.new);
  let isDone = false;
  return await updateHere(order, async (phase) => {
    if (phase !== at || isDone) return;
    isDone = true;
    await commandOfAnother(vm, command, words?.(vm));
  });
}

for (const at of ["prepare", "migrate"] as const) {
  Deno.test(`a guest that a client stops before ${at} stays stopped`, async () => {
    await using vm = await withSecondMonitor();
    const { report } = await updateUnder(vm, { at, command: "stop" });
    assertEquals([report?.outcome, report?.downtime_ms], ["updated", null]);
    assertEquals([vm.executable(), await vm.runState()], [
      builds.new.binary,
      "paused",
    ]);
  });
}

Deno.test("a guest that a client resumes before the stop runs afterwards", async () => {
  await using vm = await withSecondMonitor();
  await vm.command("stop");
  const witness = await Witness.of(vm);
  const { report } = await updateUnder(vm, { at: "migrate", command: "cont" });
  assertEquals(report?.outcome, "updated");
  await witness.assertLivesOn();
});

const DRIFT: readonly (Interference & { says: RegExp })[] = [
  {
    at: "migrate",
    command: "blockdev-snapshot-sync",
    words: ({ folder }) => ({
      "device": "disk",
      "snapshot-file": `${folder}/overlay.qcow2`,
    }),
    says:
      /changed after the checks: .*"file" was ".*img", is ".*overlay.qcow2"/,
  },
  {
    at: "prepare",
    command: "device_add",
    words: () => ({ driver: "virtio-rng-pci", id: "late", bus: "rp0" }),
    says: /changed after the checks: Device "late" is new/,
  },
];

for (const { says, ...interference } of DRIFT) {
  const { command, at } = interference;
  Deno.test(`${command} before ${at} has the update start over, and carry it over`, async () => {
    await using vm = await withSecondMonitor(
      ["-device", "pcie-root-port,id=rp0,chassis=1,slot=1"],
    );
    const { report, said } = await updateUnder(vm, interference);
    assertEquals(report?.outcome, "updated", said);
    assert((report?.downtime_ms ?? 0) > 0, "It tells no downtime");
    assertMatch(said, says);
    assertEquals(membersOf(vm.folder), [
      { pid: vm.pid, executable: builds.new.binary },
    ]);
    using ram = vm.ram();
    await ram.counterMoves(TIMEOUT_MS);
  });
}

Deno.test("memory in a file that is renamed during the update is not lost", async () => {
  await using _base = await Base.make();
  const folder = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "cprctl-" });
  try {
    const file = `${folder}/ram`;
    const backend =
      `memory-backend-file,id=m1,size=16M,share=on,mem-path=${file}`;
    await using vm = await VirtualMachine.boot(
      builds.old,
      {
        ...PLAIN,
        extra: [
          ...["-m", "64M,slots=1,maxmem=1G", "-object", backend],
          ...["-device", "pc-dimm,id=d1,memdev=m1"],
        ],
      },
      "tcg",
    );
    const witness = await Witness.of(vm);
    const order = orderOf(vm, builds.new);
    const { report, said } = await updateHere(order, async (phase) => {
      if (phase === "migrate") await Deno.rename(file, `${file}.moved`);
    });
    assertEquals(report?.outcome, "rolled-back");
    assertMatch(said, /RAMBlock "m1" would not be preserved/);
    await witness.assertLivesOn();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an error of the observer does not stop an update half-way", async () => {
  await using _base = await Base.make();
  await using vm = await withSecondMonitor();
  const witness = await Witness.of(vm);
  const { report, said } = await hungUp(vm);
  assertEquals(report, "updated");
  assertMatch(
    said,
    /The progress of the update could not be shown: the line is dead/,
  );
  await witness.assertLivesOn();
});

async function hungUp(vm: VirtualMachine) {
  const { outcome, warnings } = await tryToMove(vm, builds.new, {
    observer(phase) {
      if (phase === "switchover") throw new Error("the line is dead");
    },
  });
  return { report: outcome, said: warnings.join("\n") };
}
