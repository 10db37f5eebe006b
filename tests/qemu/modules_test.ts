/** A VM whose QEMU was upgraded, modules included, has a way back. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../lib/update/recover/recover.ts";
import {
  type QemuBuild,
  qemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { Cprctl, orderOf, SELF } from "../../testing/update/cprctl.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { MovableQemu } from "../../testing/qemu/movable_qemu.ts";
import { tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const USER = 1000;
const MODULE = "hw-display-virtio-vga.so";

const MACHINE = {
  ...PLAIN,
  extra: ["-device", "virtio-vga"],
  ...Deno.uid() === 0 ? { user: USER } : {},
};

function boot(build: QemuBuild): Promise<VirtualMachine> {
  return VirtualMachine.boot(build, MACHINE, "tcg");
}

function mappedModules(pid: number): string[] {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  const found = maps.matchAll(
    / (\/\S*\/hw-display\S*\.so(?: \(deleted\))?)$/gm,
  );
  return [...new Set([...found].map(([, path = ""]) => path))].sort();
}

async function assertBack(
  vm: VirtualMachine,
  pid: number | null | undefined,
  witness: Witness,
  qemu: MovableQemu,
): Promise<void> {
  assert(typeof pid === "number" && pid !== vm.pid);
  vm.follow(pid);
  assertEquals(vm.executable(), `${qemu.build.binary} (deleted)`);
  const modules = mappedModules(vm.pid);
  assert(modules.some((path) => path.endsWith(`${MODULE} (deleted)`)));
  await witness.assertLivesOn();
}

Deno.test("a VM is rolled back to its modules after a package upgrade, then updated", async () => {
  await using _base = await Base.make();
  await using qemu = new MovableQemu(builds.old);
  await using vm = await boot(qemu.build);
  const witness = await Witness.of(vm);
  const before = mappedModules(vm.pid);
  assert(before.some((path) => path.endsWith(MODULE)), `${before}`);
  qemu.upgrade(builds.new);
  const binary = failingProgram(vm.folder, builds.new);
  const report = await tryToMove(vm, { binary });
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertEquals(
    report.checks.filter(({ verdict }) => verdict === "skipped")
      .map(({ id }) => id),
    ["blind-spots"],
    "A check could not ask the old program",
  );
  await assertBack(vm, report.pid_after, witness, qemu);
  assertEquals(
    mappedModules(vm.pid),
    before.map((path) => `${path} (deleted)`),
  );

  const again = await tryToMove(vm, builds.new);
  assertEquals(again.outcome, "updated", again.error?.message);
  await witness.assertLivesOn();
});

Deno.test("recover rolls a VM back to its modules after a package upgrade", async () => {
  await using _base = await Base.make();
  await using qemu = new MovableQemu(builds.old);
  await using vm = await boot(qemu.build);
  const witness = await Witness.of(vm);
  {
    await using cprctl = Cprctl.start(orderOf(vm, builds.new));
    await cprctl.run((phase) => {
      if (phase !== "load") return;
      // While nobody looks after the VM.
      cprctl.kill("SIGKILL");
      qemu.upgrade(builds.new);
      Deno.kill(vm.pid, "SIGKILL");
    });
  }
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertMatch(recovery?.message ?? "", /on the old program/);
  await assertBack(vm, recovery?.pid, witness, qemu);
});
