/** Moves a machine with the engine of cprctl, and shows what it was told. */

import { assertEquals } from "@std/assert";
import type { Report } from "../../lib/update/report/report.ts";
import type { System } from "../../lib/update/system.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { update, type UpdateRequest } from "../../lib/update/update.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";
import { SELF } from "../../testing/update/cprctl.ts";

const TIMEOUT_MS = 60_000;

/** Moves a machine onto a build, if it can be. */
export async function tryToMove(
  vm: VirtualMachine,
  { binary }: Pick<QemuBuild, "binary">,
  how: Partial<UpdateRequest> = {},
  system?: System,
): Promise<Report> {
  const address = { path: vm.files.qmp };
  const timeoutMs = TIMEOUT_MS;
  return await update(
    { address, binary, timeoutMs, self: SELF, ...how },
    system,
  );
}

/** Moves a machine onto a build; asserts that it got there as it was. */
export async function move(
  vm: VirtualMachine,
  build: QemuBuild,
  system?: System,
): Promise<Report> {
  const { pid } = vm;
  const report = await tryToMove(vm, build, {}, system);
  assertEquals(report.error, null);
  assertEquals(report.outcome, "updated");
  assertEquals([report.pid_before, report.pid_after], [pid, pid]);
  assertEquals(vm.executable(), build.binary);
  return report;
}

/**
 * Sends a machine onto a build that is killed once it has loaded the VM;
 * asserts that the VM went back as it was.
 */
export async function moveAndReturn(
  vm: VirtualMachine,
  build: QemuBuild,
  system?: System,
): Promise<Report> {
  const old = vm.executable();
  const observer = (phase: PhaseName) => {
    if (phase === "commit") Deno.kill(vm.pid, "SIGKILL");
  };
  const report = await tryToMove(vm, build, { observer }, system);
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  vm.follow(report.pid_after ?? 0);
  assertEquals(vm.executable(), old);
  return report;
}

/** The words that a machine's process was started with. */
export async function argvOf(vm: VirtualMachine): Promise<string[]> {
  const text = await Deno.readTextFile(`/proc/${vm.pid}/cmdline`);
  return text.split("\0").slice(0, -1);
}

/** The value of an option's only use. */
export async function valueOf(
  vm: VirtualMachine,
  option: string,
): Promise<string | undefined> {
  const argv = await argvOf(vm);
  const index = argv.indexOf(option);
  assertEquals(argv.lastIndexOf(option), index, `${option} is there twice`);
  return index < 0 ? undefined : argv[index + 1];
}
