/** What has to be true when an update is over, however it ended. */

import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";
import type { Json } from "../../../lib/qmp/mod.ts";
import { baseDirectory } from "../../../lib/update/run/directory.ts";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import type { VirtualMachine, Witness } from "../../../testing/qemu/mod.ts";
import { updateHere } from "../../../testing/update/cprctl.ts";
import type { VmLocation } from "./fault.ts";
import { membersOf } from "../../../testing/update/members.ts";
import { runDirectories } from "../../../testing/update/fixture.ts";
import { migrationSettings } from "./settings.ts";

const TIMEOUT_MS = 120_000;

/** No process is left; the journal of a lost VM is a person's to remove. */
export async function assertEnded(folder: string, pid: number): Promise<void> {
  assertEquals(membersOf(folder), [], "Processes are left");
  for (const directory of await runDirectories(pid)) {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The VM's one process runs the right program, and the guest is whole. */
export async function assertRuns(
  vm: VirtualMachine,
  side: VmLocation,
  builds: QemuBuilds,
  witness: Witness,
  said: string,
): Promise<void> {
  const executable = builds[side === "new" ? "new" : "old"].binary;
  assertEquals(membersOf(vm.folder), [{ pid: vm.pid, executable }]);
  const paused = saysPostmigrate(said) ? "postmigrate" : "paused";
  const state = vm.machine.paused ? paused : "running";
  assertEquals(await vm.runState(), state);
  if (vm.machine.paused) await witness.assertStandsStill();
  else await witness.assertLivesOn();
}

/** No file, no lock. */
export async function assertNothingLeft(pid: number): Promise<void> {
  assertEquals(await runDirectories(pid), []);
  try {
    using lock = Fd.open(`${await baseDirectory()}/${pid}.lock`, O_RDWR);
    assert(lock.tryLock(), "The lock is held");
  } catch (error) {
    if (!(error instanceof Error && /ENOENT/.test(error.message))) throw error;
  }
}

/** A paused VM whose exec failed is said to be called otherwise. */
function saysPostmigrate(said: string): boolean {
  return said.includes('is stopped, as before, in run state "postmig');
}

/** The VM can be updated as if nothing had been. */
export async function updateOnceMore(
  vm: VirtualMachine,
  side: VmLocation,
  builds: QemuBuilds,
  witness: Witness,
): Promise<void> {
  const build = builds[side === "new" ? "old" : "new"];
  const hasToRun = await vm.runState() === "postmigrate";
  if (hasToRun) await vm.command("cont");
  const { report } = await updateHere(
    { qmp: vm.files.qmp, binary: build.binary, timeoutMs: TIMEOUT_MS },
  );
  const said = `${report?.warnings.join("; ")}; QEMU: ${await vm.log()}`;
  assertEquals(report?.error, null, said);
  assertEquals(report?.outcome, "updated", said);
  assertEquals(vm.executable(), build.binary);
  if (vm.machine.paused && !hasToRun) await witness.assertStandsStill();
  else await witness.assertLivesOn();
}

/** The migration settings are what they were. */
export async function assertSettings(
  vm: VirtualMachine,
  before: Readonly<Record<string, Json>>,
): Promise<void> {
  const now = await migrationSettings(vm);
  assertEquals(differing(now, before), {}, "Settings have changed");
}

/** What one has otherwise than the other. */
function differing(
  now: Readonly<Record<string, Json>>,
  before: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const pairs = Object.entries(now).filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(before[name])
  );
  return Object.fromEntries(pairs);
}
